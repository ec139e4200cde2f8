import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from provisioner import timestamps
from provisioner.customers import record as record_module
from provisioner.customers.addresses import checked_address
from provisioner.customers.files.document import parse, render
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.parts.setup import WaitingFor
from provisioner.customers.record import Customer, Record, json_schema
from provisioner.errors import InputError
from tests.customers.examples import documented, from_old_script


def test_the_documented_record_is_read_whole() -> None:
    customer = Record(documented()).customer
    assert customer.id == "cust_1234567890"
    assert customer.signup_date == "2026-01-29T05:54:00Z"
    assert customer.subscription.current_period_end == "2026-02-29T05:54:00Z"
    assert customer.subscription.amount == 8999
    assert customer.setup.droplet.ip == "64.23.123.45"
    assert customer.setup.moltbot.installed_at == "2026-01-29T06:15:00Z"
    assert customer.setup.messaging.bot_token == "123456:ABC..."
    assert customer.setup.handoff.onboarding_message_sent is True
    assert customer.notes[0].note.startswith("Customer requested")
    assert [event.event for event in customer.timeline] == ["subscription_created", "droplet_created"]
    assert customer.metadata.landing_page == "stuffpress"


def test_the_schema_has_every_documented_key_under_its_own_name() -> None:
    def keys(data: Any, prefix: str = "") -> set[str]:
        found = set()
        for key, value in data.items():
            found |= {f"{prefix}{key}"}
            if isinstance(value, dict):
                found |= keys(value, f"{prefix}{key}.")
        return found

    from provisioner.customers.fields import schema_fields

    assert keys(documented()) <= {field.path for field in schema_fields(Customer)}


def test_numbers_of_the_old_script_are_shown_as_text_and_stay_numbers_in_the_document() -> None:
    record = Record(from_old_script())
    assert record.customer.setup.droplet.id == "123456789"
    assert record.customer.setup.moltbot.version == "2026.1"
    assert record.customer.setup.messaging.username == "4711"
    record.add_note("x")
    assert record.get("setup.droplet.id") == 123456789


def test_a_change_touches_nothing_else_and_keeps_the_order() -> None:
    record = Record(from_old_script())
    record.set("setup.droplet.created", "2026-01-29T06:00:00Z")
    record.set("setup.waiting.for", "to press Start")
    wanted = from_old_script()
    wanted["setup"]["droplet"]["created"] = "2026-01-29T06:00:00Z"
    wanted["setup"]["waiting"] = {"for": "to press Start"}
    assert render(record.data) == render(wanted)


def test_setting_does_not_reach_into_what_the_caller_holds() -> None:
    data = documented()
    record = Record(data)
    record.set("setup.droplet.ip", "1.2.3.4")
    record.add_event("x", "y")
    assert data == documented()


def test_a_number_set_where_text_belongs_becomes_text() -> None:
    record = Record(documented())
    record.set("setup.droplet.id", 42)
    assert record.get("setup.droplet.id") == "42"
    record.set("setup.droplet.id", None)
    assert record.customer.setup.droplet.id is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("setup.moltbot.installed", "yes"),
        ("setup.moltbot.installed", None),
        ("setup.droplet.created", "yesterday"),
        ("setup.droplet.created", "2026-13-01T00:00:00Z"),
        ("setup.droplet.created", "2026-01-29T05:54:00+00:00"),
        ("subscription.amount", 8.5),
        ("subscription.amount", -1),
        ("subscription.amount", True),
        ("status", "sleeping"),
        ("setup.droplet.id", True),
        ("setup.droplet", "x"),
        ("email", "nobody"),
        ("email", None),
        ("id", "../x"),
        ("setup.dropletId", "1"),
        ("notes", []),
        ("timeline.0.event", "other"),
        ("timeline.7.event", "other"),
        ("", "x"),
        ("setup.droplet.id.more", "x"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(path: str, value: object) -> None:
    record = Record(documented())
    with pytest.raises(InputError):
        record.set(path, value)
    assert record.data == documented()


def test_keys_outside_the_schema_can_be_set_where_they_are_and_only_there() -> None:
    record = Record(from_old_script())
    record.set("subscription.coupon.code", "new")
    record.set("zebra.nested.0", 5)
    record.set("setup.moltbot.flags.1.b", "c")
    assert record.get("subscription.coupon.code") == "new"
    assert record.get("zebra.nested") == [5, 2, {"deep": "ünïcödé 🦞"}]
    with pytest.raises(InputError, match="no index 3 in a list of 3"):
        record.set("zebra.nested.3", 5)
    with pytest.raises(InputError, match="no index -1"):
        record.set("zebra.nested.-1", 5)
    with pytest.raises(InputError):
        record.set("unheard.of", 5)


def test_the_error_names_every_wrong_field_and_no_value() -> None:
    data = documented()
    data["setup"]["messaging"]["botToken"] = {"hush": "very-secret"}
    data["setup"]["moltbot"]["installed"] = "maybe"
    del data["email"]
    with pytest.raises(InputError) as refusal:
        Record(data)
    cause = str(refusal.value.cause)
    assert "email is missing" in cause
    assert "setup.moltbot.installed must be true or false" in cause
    assert "setup.messaging.botToken must be text" in cause
    assert "very-secret" not in cause


@pytest.mark.parametrize(
    "data", [{}, {"id": "x"}, {"id": "c", "email": "a@b", "status": "active", "notes": {}}]
)
def test_what_is_no_customer_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Record(data)


def test_time_never_goes_back_even_where_the_file_is_ahead_of_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = documented()
    data["timeline"].append({"timestamp": "2026-03-01T00:00:00.500Z", "event": "x", "details": ""})
    monkeypatch.setattr(timestamps, "now", lambda: "2026-03-01T00:00:00Z")
    record = Record(data)
    record.add_note("one")
    assert record.customer.notes[-1].timestamp == "2026-03-01T00:00:00.500Z"
    monkeypatch.setattr(timestamps, "now", lambda: "2026-03-01T00:00:01Z")
    record.add_event("two", "")
    assert record.customer.timeline[-1].timestamp == "2026-03-01T00:00:01Z"


def test_a_note_is_in_the_notes_and_in_the_timeline() -> None:
    record = Record({"id": "c", "email": "a@b.c", "status": "active"})
    record.add_note("wants WhatsApp")
    assert [note.note for note in record.customer.notes] == ["wants WhatsApp"]
    assert [(event.event, event.details) for event in record.customer.timeline] == [
        ("note_added", "wants WhatsApp")
    ]


def test_a_new_record_is_like_the_shipped_template() -> None:
    from provisioner.workspace import shipped

    template = json.loads(shipped("customers/TEMPLATE.json").read_text("utf-8"))
    record = new_record(SignUp("customer@example.com", "sub_abc123"))
    data = copy.deepcopy(dict(record.data))
    for field in ("id", "signupDate"):
        data[field] = template[field]
    data["timeline"][0]["timestamp"] = template["timeline"][0]["timestamp"]
    assert render(data) == render(template)
    assert Record(template).customer.setup.droplet.id is None


def test_ids_of_customers_added_at_once_differ() -> None:
    ids = {new_record(SignUp("a@example.com", "sub")).customer.id for _ in range(50)}
    assert len(ids) == 50
    assert all(one.startswith("cust_") and one[5:].isdigit() for one in ids)


@pytest.mark.parametrize(
    "text", ["nobody", "a@b", "../../etc/passwd", "a b@x.com", "a@x.com\n", "", "@x.com", "a@[1.2.3.4]"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        checked_address(text)


def test_the_printed_schema_describes_the_file() -> None:
    schema = json_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"id", "email", "status"} == set(schema["required"])
    assert "signupDate" in schema["properties"]
    assert "botToken" in schema["$defs"]["Messaging"]["properties"]
    assert schema.get("additionalProperties") is not False


def test_typed_view_and_document_agree_however_they_are_read() -> None:
    for data in (documented(), from_old_script()):
        raw = render(data)
        assert Customer.model_validate_json(raw) == Record(parse(raw)).customer
        assert TypeAdapter(Customer).validate_python(data) == Record(data).customer


def _at(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Our clock says this from now on."""
    found = timestamps.moment(text)
    assert found is not None
    monkeypatch.setattr(timestamps, "present", lambda: found)


def test_a_clock_that_was_ahead_once_dates_nothing_that_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(documented())
    _at(monkeypatch, "2026-03-01T00:01:00Z")
    record.add_event("from_a_clock_a_minute_ahead", "")
    _at(monkeypatch, "2026-03-01T00:00:00Z")
    record.add_note("one")
    _at(monkeypatch, "2026-03-01T00:00:20Z")
    record.add_note("two")
    said = [(event.timestamp, event.event) for event in record.customer.timeline[2:]]
    assert said == [
        ("2026-03-01T00:01:00Z", "from_a_clock_a_minute_ahead"),
        ("2026-03-01T00:00:00Z", "clock_set_back"),
        ("2026-03-01T00:00:00Z", "note_added"),
        ("2026-03-01T00:00:20Z", "note_added"),
    ]
    assert record.data["timeline"][3]["details"].startswith("The clock was at 2026-03-01T00:01:00Z before")
    assert [note.timestamp for note in record.customer.notes[-2:]] == [
        "2026-03-01T00:00:00Z",
        "2026-03-01T00:00:20Z",
    ]


def test_a_note_of_the_future_in_a_file_of_others_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = documented()
    data["notes"].append({"timestamp": "2999-01-01T00:00:00Z", "note": "by hand"})
    record = Record(data)
    _at(monkeypatch, "2026-03-01T00:00:00Z")
    for text in ("one", "two", "three"):
        record.add_note(text)
    events = [event.event for event in record.customer.timeline[2:]]
    assert events == ["clock_set_back", "note_added", "note_added", "note_added"]


def test_many_fields_are_set_together_or_not_at_all() -> None:
    record = Record(documented())
    before = record.data
    waiting = {"setup.waiting": {"for": "x"}, "setup.waiting.of": "@ada"}
    record.update({"setup.droplet.id": 7, **waiting, "name": None})
    assert record.get("setup.droplet.id") == "7"
    assert record.get("setup.waiting") == {"for": "x", "of": "@ada"}
    assert record.customer.setup.waiting == WaitingFor(**{"for": "x", "of": "@ada"})
    assert before == documented()

    after = copy.deepcopy(dict(record.data))
    wrongs: tuple[dict[str, object], ...] = (
        {"subscription.amount": -1},
        {"no.such.field": 1},
        {"timeline": []},
    )
    for wrong in wrongs:
        with pytest.raises(InputError):
            record.update({"name": "Half Way", **wrong})
        assert record.data == after
        assert record.customer == Record(after).customer


def test_a_refusal_names_the_fields_that_were_to_be_set() -> None:
    with pytest.raises(InputError, match=r"^could not set name, subscription\.amount: .*negative") as refused:
        Record(documented()).update({"name": "x", "subscription.amount": -1})
    assert "-1" not in str(refused.value)


def test_the_document_is_validated_once_for_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[object] = []
    check = record_module._check

    def counted(data: Mapping[str, Any], *doing: str) -> Customer:
        checks.append(doing)
        return check(data, *doing)

    monkeypatch.setattr(record_module, "_check", counted)
    record = Record(documented())
    assert record.customer is record.customer
    assert len(checks) == 1
    record.update({"name": "x", "setup.droplet.id": "1", "setup.droplet.ip": "1.2.3.4"})
    assert record.customer.name == "x"
    assert len(checks) == 2
    record.add_event("x", "y")
    assert record.customer.timeline[-1].event == "x"
    assert len(checks) == 3
    record.data = {**record.data, "name": "z"}
    assert record.customer.name == "z"
    assert len(checks) == 4


OLDER = {"reason": "contact", "to": "a@example.com", "sentAt": "2026-01-30T05:54:00Z"}
NEWER = {"reason": "ready", "to": "a@example.com", "begunAt": "2026-01-31T05:54:00Z"}


def test_emails_that_an_older_version_noted_are_sent_emails_under_the_present_name() -> None:
    setup = {"status": "in_progress", "letters": [OLDER], "zebra": 1}
    record = Record({**documented(), "setup": setup})

    assert [(one.reason, one.sent_at) for one in record.customer.setup.emails] == [
        ("contact", "2026-01-30T05:54:00Z")
    ]
    assert record.data["setup"] == {"status": "in_progress", "emails": [OLDER], "zebra": 1}
    assert list(record.data["setup"]) == ["status", "emails", "zebra"], "each stays in its place"
    assert setup["letters"] == [OLDER], "what was handed in stays as it is"
    record.set("setup.emails", [*record.get("setup.emails"), NEWER])
    assert record.data["setup"]["emails"] == [OLDER, NEWER]


def test_what_two_versions_have_noted_in_turn_is_together() -> None:
    record = Record({**documented(), "setup": {"emails": [NEWER, OLDER], "letters": [OLDER]}})
    assert record.data["setup"] == {"emails": [OLDER, NEWER]}


@pytest.mark.parametrize("wrong", ["x", None, {"reason": "contact"}, [{"to": "a@example.com"}]])
def test_emails_of_an_older_version_that_are_no_emails_are_named(wrong: object) -> None:
    with pytest.raises(InputError, match=r"setup\.(emails|letters)"):
        Record({**documented(), "setup": {"letters": wrong}})
