import pytest

from provisioner.customers.changes import change_field
from provisioner.customers.fields import schema_fields
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer, Record
from provisioner.errors import InputError
from tests.customers.examples import documented, from_old_script


@pytest.mark.parametrize(
    ("path", "word", "value"),
    [
        ("setup.droplet.id", "123456", "123456"),
        ("setup.droplet.id", "007", "007"),
        ("setup.droplet.id", "null", None),
        ("setup.moltbot.installed", "false", False),
        ("setup.moltbot.version", "2026.10", "2026.10"),
        ("setup.messaging.username", "true", "true"),
        ("subscription.amount", "9999", 9999),
        ("subscription.currentPeriodEnd", "2026-02-29T05:54:00.123Z", "2026-02-29T05:54:00.123Z"),
        ("setup.droplet.ip", "64.23.123.46", "64.23.123.46"),
        ("setup.droplet.ip", "2001:DB8::1", "2001:db8::1"),
        ("setup.messaging.userId", "4711", "4711"),
        ("subscription.stripeCustomerId", "cus_Na6dX7aXxi11N4", "cus_Na6dX7aXxi11N4"),
        ("subscription.amount", "0", 0),
        ("name", "Zoë  O'Neil", "Zoë  O'Neil"),
        ("status", "handed_over", "handed_over"),
        ("email", "New@EXAMPLE.com", "New@example.com"),
    ],
)
def test_a_word_takes_the_type_of_its_field(path: str, word: str, value: object) -> None:
    record = Record(documented())
    change_field(record, path, word)
    assert record.get(path) == value
    assert type(record.get(path)) is type(value)


@pytest.mark.parametrize(
    ("path", "word", "says"),
    [
        ("setup.moltbot.installed", "yes", "true or false"),
        ("setup.moltbot.installed", "1", "true or false"),
        ("setup.moltbot.installed", "null", "cannot be null"),
        ("subscription.amount", "89.99", "whole number"),
        ("subscription.amount", "", "whole number"),
        ("setup.droplet.created", "today", "must be a time in UTC"),
        ("setup.status", "done", "one of pending, in_progress, complete"),
        ("status", "paused", "one of pending_setup"),
        ("status", "in_progress", "from active it may go to handed_over or cancelled"),
        ("setup.status", "pending", "from complete it may go to in_progress"),
        ("setup.droplet", "x", "is a group"),
        ("setup.droplet", "null", "cannot be null"),
        ("timeline", "x", "only ever grow"),
        ("notes.0.note", "x", "only ever grow"),
        ("notes.3", "x", "no index 3 in a list of 1"),
        ("email", "nobody", "@"),
        ("email", "null", "cannot be null"),
        ("id", "cust_2", "never changes"),
        ("droplet.id", "x", "find a field"),
        ("setup.droplet.id", "abc", "ids of droplets are digits"),
        ("setup.droplet.id", "", "ids of droplets are digits"),
        ("setup.droplet.id", "12 34", "ids of droplets are digits"),
        ("setup.droplet.id", "-5", "ids of droplets are digits"),
        ("setup.droplet.id", "\u0661\u0662", "ids of droplets are digits"),
        ("setup.droplet.id", "5\n", "ids of droplets are digits"),
        ("setup.moltbot.dropletId", "abc", "ids of droplets are digits"),
        ("setup.messaging.dropletId", "abc", "ids of droplets are digits"),
        ("setup.handoff.dropletId", "abc", "ids of droplets are digits"),
        ("setup.handoff.answeredOn", "abc", "ids of droplets are digits"),
        ("setup.droplet.ip", "64.23.123", "is an IP address"),
        ("setup.droplet.ip", "example.com", "is an IP address"),
        ("setup.droplet.hostKey", "abc", "ssh_host_ed25519_key.pub"),
        ("setup.droplet.nextHostKey", "ssh-rsa AAAA", "ssh_host_ed25519_key.pub"),
        ("subscription.stripeSubscriptionId", "cus_1", "ids of subscriptions are sub_"),
        ("subscription.stripePriceId", "89.99", "ids of prices are price_"),
        ("subscription.stripeCustomerId", "sub_1", "ids of customers are cus_"),
        ("subscription.currency", "US dollars", "three small letters"),
        ("subscription.amount", "-1", "not be negative"),
        ("subscription.amount", "1_000", "whole number"),
        ("subscription.amount", "\u0661", "whole number"),
        ("subscription.amount", "true", "whole number"),
        ("subscription.amount", "9" * 17, "whole number"),
        ("subscription.amount", "9" * 5000, "whole number"),
    ],
)
def test_a_wrong_word_is_refused_and_changes_nothing(path: str, word: str, says: str) -> None:
    record = Record(documented())
    with pytest.raises(InputError, match=says):
        change_field(record, path, word)
    assert record.data == documented()


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("droplet.id", "setup.droplet.id"),
        ("setup.dropletid", "setup.droplet.id"),
        ("botToken", "setup.messaging.botToken"),
        ("setup.messaging.bottoken", "setup.messaging.botToken"),
        ("stats", "status"),
        ("setup.moltbot.instaled", "setup.moltbot.installed"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest_names(wrong: str, near: str) -> None:
    with pytest.raises(InputError) as refused:
        change_field(Record(documented()), wrong, "x")
    assert near in str(refused.value.hint)


def test_a_name_like_nothing_is_answered_with_where_to_look() -> None:
    with pytest.raises(InputError) as refused:
        change_field(Record(documented()), "qqqqqqqq", "x")
    assert refused.value.hint == "provisioner schema shows every field"


def test_force_makes_any_move_and_nothing_else() -> None:
    record = Record(documented())
    change_field(record, "status", "pending_setup", force=True)
    assert record.customer.status == "pending_setup"
    with pytest.raises(InputError):
        change_field(record, "status", "paused", force=True)


def test_a_change_is_in_the_timeline_with_what_was_there_before() -> None:
    record = Record(documented())
    change_field(record, "setup.droplet.id", "42")
    event = record.customer.timeline[-1]
    assert (event.event, event.details) == ("field_updated", "setup.droplet.id = 42 (was 123456789)")


def test_secrets_are_in_the_field_and_nowhere_else() -> None:
    record = Record(from_old_script())
    old, new = record.get("setup.messaging.botToken"), "987654321:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
    change = change_field(record, "setup.messaging.botToken", new)
    for text in (str(change), str(record.customer.timeline[-1].details)):
        assert new not in text
        assert old not in text
    assert record.get("setup.messaging.botToken") == new


def test_a_key_outside_the_schema_keeps_its_type() -> None:
    record = Record(from_old_script())
    for path, word, value in (
        ("vip", "false", False),
        ("subscription.coupon.n", "2.5", 2.5),
        ("subscription.coupon.n", "3", 3),
        ("subscription.coupon.code", "12", "12"),
        ("setup.moltbot.flags.0", "b", "b"),
        ("setup.moltbot.flags.1.b", "text", "text"),
    ):
        change_field(record, path, word)
        assert record.get(path) == value
        assert type(record.get(path)) is type(value)
    for path, word in (
        ("vip", "no"),
        ("subscription.coupon.n", "many"),
        ("setup.moltbot.flags.2", "c"),
        ("zebra", "x"),
    ):
        with pytest.raises(InputError):
            change_field(record, path, word)


def test_what_is_waited_for_can_be_cleared() -> None:
    record = Record(documented())
    record.set("setup.waiting", {"for": "to press Start", "of": "@ada"})
    change_field(record, "setup.waiting", "null")
    assert record.customer.setup.waiting is None


def test_every_field_of_the_schema_has_a_kind_that_update_knows() -> None:
    kinds = {field.kind for field in schema_fields(Customer)}
    assert kinds == {"text", "flag", "number", "choice", "group", "list"}


def test_what_an_old_record_has_is_read_and_can_be_cleared() -> None:
    data = from_old_script()
    data["setup"]["droplet"] |= {"id": "by hand", "ip": "host.example.com"}
    record = Record(data)
    change_field(record, "name", "x")
    assert record.get("setup.droplet.id") == "by hand"
    change_field(record, "setup.droplet.id", "null")
    assert record.get("setup.droplet.id") is None


def test_a_change_and_a_note_say_whose_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.actor._program", None)
    monkeypatch.setenv("SUDO_USER", "grace")
    record = new_record(SignUp("ada@example.com", "sub_1"))
    change_field(record, "name", "Ada")
    record.add_note("likes cats")
    assert [event.by for event in record.customer.timeline[1:]] == ["grace", "grace"]
