import json
from pathlib import Path

import pytest

from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.customers.examples import TOKEN, documented, from_old_script, write_old

EMAIL = "customer@example.com"


@pytest.fixture
def active(workspace: Workspace) -> Path:
    return workspace.customers_dir / "active"


def test_add_writes_what_it_was_told_and_says_what_comes_next(invoke: Invoke, active: Path) -> None:
    result = invoke(
        *(
            "add",
            EMAIL,
            "sub_abc123",
            "--name",
            "Zoë",
            "--plan",
            "yearly",
            "--amount",
            "99900",
            "--currency",
            "eur",
        ),
        *("--price-id", "price_7", "--telegram", "@zoe", "--source", "friend", "--referrer", "ada"),
        *("--landing-page", "home"),
    )
    assert (result.code, result.out) == (0, "")
    assert f"provisioner provision {EMAIL}" in result.err
    data = json.loads((active / "customer_at_example.com.json").read_text("utf-8"))
    assert data["name"] == "Zoë"
    assert data["subscription"] == {
        "stripeSubscriptionId": "sub_abc123",
        "stripePriceId": "price_7",
        "plan": "yearly",
        "amount": 99900,
        "currency": "eur",
        "status": "active",
        "currentPeriodEnd": None,
    }
    assert data["setup"]["messaging"]["username"] == "@zoe"
    assert data["metadata"] == {"source": "friend", "referrer": "ada", "landingPage": "home"}
    assert [event["event"] for event in data["timeline"]] == ["subscription_created"]


def test_a_second_add_is_refused_also_from_the_archive(invoke: Invoke) -> None:
    invoke("add", EMAIL, "sub_1")
    again = invoke("add", EMAIL.upper(), "sub_2")
    assert again.code == 2
    assert "there already" in again.err
    invoke("archive", EMAIL)
    again = invoke("add", EMAIL, "sub_2")
    assert again.code == 2
    assert "in the archive already" in again.err
    assert f"provisioner restore {EMAIL}" in again.err


@pytest.mark.parametrize("email", ["nobody", "a/../../b", "a b@example.com", ""])
def test_add_refuses_what_is_no_address(invoke: Invoke, active: Path, email: str) -> None:
    assert invoke("add", email, "sub_1").code == 2
    assert list(active.iterdir()) == []


@pytest.mark.parametrize("username", ["@z", "zoe.l", "@zoe @ada", "7zoe", "https://t.me/+zoe"])
def test_a_username_that_nobody_can_have_is_refused(invoke: Invoke, active: Path, username: str) -> None:
    refused = invoke("add", EMAIL, "sub_1", "--telegram", username)
    assert (refused.code, list(active.iterdir())) == (2, [])
    assert "@ada_lovelace" in refused.err
    invoke("add", EMAIL, "sub_1", "--telegram", "zoe")
    refused = invoke("update", EMAIL, "setup.messaging.username", username)
    assert (refused.code, shown_username(invoke)) == (2, "@zoe")


def test_a_username_is_written_as_telegram_shows_it(invoke: Invoke) -> None:
    invoke("add", EMAIL, "sub_1")
    for word, written in ((" Zoe_L ", "@Zoe_L"), ("null", None)):
        assert invoke("update", EMAIL, "setup.messaging.username", word).code == 0
        assert shown_username(invoke) == written
    invoke("update", EMAIL, "setup.messaging.platform", "discord")
    assert invoke("update", EMAIL, "setup.messaging.username", "zoe.l").code == 0
    assert invoke("update", EMAIL, "setup.messaging.userId", "zoe#1").code == 0
    assert shown_username(invoke) == "zoe.l"


def shown_username(invoke: Invoke) -> object:
    shown = json.loads(invoke("show", EMAIL, "--json").out)
    return shown["customer"]["setup"]["messaging"]["username"]


def test_list_shows_how_far_everybody_is(invoke: Invoke, active: Path) -> None:
    write_old(active, documented())
    write_old(active, from_old_script())
    (active / "bad_at_example.com.json").write_text("{")
    lines = [line.split(maxsplit=5) for line in invoke("list").out.splitlines()]
    assert lines[0] == ["SETUP", "ADDRESS", "STATUS", "SIGNED", "UP", "VERSION      WAITS FOR"]
    assert lines[1][:3] == ["-", "bad_at_example.com.json", "broken"]
    assert "line 1, column 2" in lines[1][5]
    assert lines[2] == ["4/4", EMAIL, "active", "2026-01-29", "2026.1.24-3", "-"]
    begun = ["1/4", "old.timer+tag@example.com", "in_progress", "2026-01-29", "2026.1"]
    assert lines[3] == [*begun, "step droplet: interrupted"]


def test_list_as_json_is_one_document(invoke: Invoke, active: Path) -> None:
    write_old(active, from_old_script())
    (active / "bad_at_example.com.json").write_text("{")
    document = json.loads(invoke("list", "--json").out)
    assert (document["version"], document["kind"]) == (1, "customers")
    broken, customer = document["customers"]
    assert set(broken) == {"file", "broken"}
    assert customer == {
        "id": "cust_1769666040123",
        "email": "old.timer+tag@example.com",
        "name": None,
        "status": "in_progress",
        "signupDate": "2026-01-29T05:54:00.123Z",
        "setup": {"status": "in_progress", "done": ["moltbot"]},
        "version": "2026.1",
        "state": "interrupted",
        "waitsFor": "step droplet",
        "waitingSince": None,
    }


def test_list_can_be_narrowed(invoke: Invoke, active: Path) -> None:
    write_old(active, documented())
    write_old(active, from_old_script())
    assert EMAIL in invoke("list", "--status", "active").out
    assert "old.timer" not in invoke("list", "--status", "active").out
    assert invoke("list", "--archived").out == ""
    invoke("archive", EMAIL)
    assert EMAIL in invoke("list", "--archived").out
    assert EMAIL not in invoke("list").out
    wrong = invoke("list", "--status", "sleeping")
    assert wrong.code == 2
    assert "pending_setup" in wrong.err


def test_show_hides_secrets_everywhere_unless_asked(invoke: Invoke, active: Path) -> None:
    write_old(active, from_old_script())
    who = "old.timer+tag@example.com"
    for words in (("show", who), ("show", who, "--json"), ("timeline", who), ("timeline", who, "--json")):
        result = invoke(*words)
        assert result.code == 0
        assert TOKEN not in result.out
        assert "[hidden]" in result.out
    assert invoke("show", who, "--reveal").out.count(TOKEN) == 2
    assert json.loads(invoke("show", who, "--json", "--reveal").out)["customer"] == from_old_script()


def test_show_has_every_key_of_the_file(invoke: Invoke, active: Path) -> None:
    write_old(active, from_old_script())
    out = invoke("show", "cust_1769666040123").out
    for words in ("vip", "coupon", "ÄÖ-10", "ünïcödé 🦞", "123456789", "flags", "by=me"):
        assert words in out


def test_show_as_json_says_where_the_record_is(invoke: Invoke, active: Path) -> None:
    write_old(active, documented())
    shown = json.loads(invoke("show", EMAIL, "--json").out)
    assert (shown["version"], shown["kind"], shown["archived"]) == (1, "customer", False)
    invoke("archive", EMAIL)
    assert json.loads(invoke("show", EMAIL, "--json").out)["archived"] is True
    assert "archived" in invoke("show", EMAIL).out


def test_update_reads_a_secret_from_standard_input(invoke: Invoke, active: Path) -> None:
    path = write_old(active, documented())
    result = invoke("update", EMAIL, "setup.messaging.botToken", "-", stdin=f"{TOKEN}\n")
    assert result.code == 0
    assert TOKEN not in result.err
    assert path.read_text("utf-8").count(TOKEN) == 1


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("setup.dropletId", "1", "setup.droplet.id"),
        ("setup.moltbot.installed", "yes", "true or false"),
        ("status", "handed_over", "in_progress or active or cancelled"),
        ("subscription.amount", "-5", "negative"),
        ("notes.4.note", "x", "no index 4"),
        ("setup.droplet", "x", "group"),
        ("setup.droplet.id", "abc", "ids of droplets are digits"),
        ("setup.droplet.ip", "64.23.123.300", "an IP address"),
        ("setup.messaging.userId", "@zoe", "ids are digits"),
        ("setup.messaging.botId", "zoes_bot", "ids are digits"),
        ("subscription.stripeSubscriptionId", "cus_1", "sub_"),
    ],
)
def test_update_refuses_and_writes_nothing(
    invoke: Invoke, active: Path, field: str, value: str, says: str
) -> None:
    path = write_old(active, {**documented(), "status": "pending_setup"})
    before = path.read_bytes()
    result = invoke("update", EMAIL, field, value)
    assert result.code == 2
    assert says in result.err
    assert path.read_bytes() == before


def test_a_secret_in_the_wrong_place_does_not_come_back(invoke: Invoke, active: Path) -> None:
    write_old(active, documented())
    result = invoke("update", EMAIL, "setup.status", TOKEN)
    assert result.code == 2
    assert TOKEN not in result.err


def test_update_can_be_forced(invoke: Invoke, active: Path) -> None:
    path = write_old(active, documented())
    assert invoke("update", EMAIL, "status", "pending_setup").code == 2
    assert invoke("update", EMAIL, "status", "pending_setup", "--force").code == 0
    assert json.loads(path.read_bytes())["status"] == "pending_setup"


def test_words_may_begin_with_a_dash_and_need_no_quotes(invoke: Invoke, active: Path) -> None:
    path = write_old(active, documented())
    assert invoke("note", EMAIL, "-5", "degrees", "--in", "winter").code == 0
    assert invoke("timeline", EMAIL, "call", "came", "--late").code == 0
    data = json.loads(path.read_bytes())
    assert data["notes"][-1]["note"] == "-5 degrees --in winter"
    assert data["timeline"][-1]["details"] == "came --late"


@pytest.mark.parametrize("words", [("note", EMAIL, ""), ("note", EMAIL, " "), ("timeline", EMAIL, "")])
def test_empty_words_are_refused(invoke: Invoke, active: Path, words: tuple[str, ...]) -> None:
    path = write_old(active, documented())
    before = path.read_bytes()
    assert invoke(*words).code == 2
    assert path.read_bytes() == before


def test_timeline_alone_is_the_history(invoke: Invoke, active: Path) -> None:
    write_old(active, documented())
    assert invoke("timeline", EMAIL).out.splitlines() == [
        "2026-01-29T05:54:00Z  subscription_created  Customer signed up via Stripe",
        "2026-01-29T06:00:00Z  droplet_created       Created DO droplet 123456789",
    ]
    document = json.loads(invoke("timeline", EMAIL, "--json").out)
    assert (document["kind"], document["email"]) == ("timeline", EMAIL)
    assert document["timeline"] == documented()["timeline"]


def test_adding_an_event_can_answer_with_the_history(invoke: Invoke, active: Path) -> None:
    write_old(active, documented())
    document = json.loads(invoke("timeline", EMAIL, "seen", "twice", "--json").out)
    assert [event["event"] for event in document["timeline"]] == [
        "subscription_created",
        "droplet_created",
        "seen",
    ]


def test_bytes_that_are_no_text_are_kept_and_break_nothing(invoke: Invoke, active: Path) -> None:
    path = write_old(active, documented())
    assert invoke("note", EMAIL, "a\udcffb").code == 0
    assert b'"a\\udcffb"' in path.read_bytes()
    assert invoke("list").code == invoke("list", "--json").code == 0
    assert "a?b" in invoke("show", EMAIL).out
    assert json.loads(invoke("show", EMAIL, "--json").out)["customer"]["notes"][-1]["note"] == "a\udcffb"


def test_archive_and_restore_can_be_said_twice(invoke: Invoke, active: Path) -> None:
    write_old(active, documented())
    for _ in range(2):
        assert invoke("archive", EMAIL).code == 0
        assert list(active.iterdir()) == []
    for _ in range(2):
        assert invoke("restore", EMAIL).code == 0
        assert len(list(active.iterdir())) == 1


def test_check_tells_by_its_exit_code_and_mends(invoke: Invoke, active: Path) -> None:
    assert invoke("check").code == 0
    record = documented()
    record["subscription"]["currentPeriodEnd"] = "2026-02-28T05:54:00Z"
    write_old(active, record, "odd.json")
    found = invoke("check", "--json")
    assert found.code == 1
    document = json.loads(found.out)
    assert (document["kind"], document["healthy"], document["files"]) == ("check", False, 1)
    assert {finding["kind"] for finding in document["findings"]} == {"name", "permissions"}
    fixed = invoke("check", "--fix")
    assert fixed.code == 0
    assert "renamed to customer_at_example.com.json" in fixed.out
    assert invoke("check").code == 0


def test_schema_is_a_json_schema(invoke: Invoke) -> None:
    assert json.loads(invoke("schema").out)["properties"]["email"]


@pytest.mark.parametrize(
    "words",
    [
        ("show", "x@example.com"),
        ("update", "x@example.com", "name", "y"),
        ("note", "cust_0", "x"),
        ("archive", "x@y.z"),
    ],
)
def test_nobody_is_nobody(invoke: Invoke, words: tuple[str, ...]) -> None:
    result = invoke(*words)
    assert result.code == 2
    assert "could not find the customer" in result.err
    assert result.out == ""


def test_show_hides_groups_and_lists_of_secrets_and_their_copies_in_notes(
    invoke: Invoke, workspace: Workspace, active: Path
) -> None:
    record = documented()
    record["credentials"] = {"value": "swordfish-1", "all": ["swordfish-2", {"deep": "swordfish-3"}]}
    record["passphrase"] = "swordfish-4"
    record["bots"] = [{"token": "swordfish-5"}]
    for number in range(1, 6):
        record["notes"].append({"timestamp": "2026-02-01T00:00:00Z", "note": f"it is swordfish-{number}, ok"})
    record["notes"].append({"timestamp": "2026-02-01T00:00:00Z", "note": "the key is swordfish-6"})
    write_old(active, record)
    (workspace.root / ".env").write_text("ANTHROPIC_API_KEY=swordfish-6\n")
    for words in (("show", EMAIL), ("show", EMAIL, "--json"), ("timeline", EMAIL), ("list", "--json")):
        shown = invoke(*words)
        assert shown.code == 0
        assert "swordfish" not in shown.out
    assert "swordfish-3" in invoke("show", EMAIL, "--json", "--reveal").out


def test_what_no_list_shows_is_left_to_those_who_act_on_it(invoke: Invoke, workspace: Workspace) -> None:
    """A wrong history hides nobody from list and status, and is named by all that need it."""
    assert invoke("add", "a@example.com", "sub_a").code == 0
    [path] = (workspace.customers_dir / "active").glob("*.json")
    data = json.loads(path.read_text())
    data["timeline"][0]["timestamp"] = "yesterday"
    path.write_text(json.dumps(data))
    for word in ("list", "status"):
        assert "a@example.com" in invoke(word).out
    for words in (("show", "a@example.com"), ("check",), ("resume",), ("provision", "--all")):
        result = invoke(*words)
        assert result.code
        assert "timeline.0.timestamp" in result.out + result.err


def test_another_address(invoke: Invoke) -> None:
    invoke("add", "ada@example.com", "sub_1")

    ended = invoke("rename", "ada@example.com", "ada@example.org")

    assert ended.code == 0, ended.err
    assert "ada@example.com is ada@example.org now" in ended.err
    assert invoke("show", "ada@example.org").code == 0
    assert invoke("show", "ada@example.com").code == 2
