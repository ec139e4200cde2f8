"""What an update of the manager bot means, as a table; nothing is read, written or sent."""

from typing import Any

import pytest

from provisioner.customers.record import Customer
from provisioner.messaging.telegram.decide import Change, Decision, Known, decide, may_be_theirs
from provisioner.services.telegram.updates import BotIdentity, MadeBot, Person, Wrote
from tests.steps.support import new_record

NOW = "2026-11-27T10:00:00Z"
LINK = {
    "code": "c0de",
    "manager": "stuffpress_bot",
    "suggested": "ada_k3v9_bot",
    "expiresAt": "2026-11-28T10:00:00Z",
}
ADA, GRACE, MALLORY = Person("1", "ada"), Person("2", "grace"), Person("3", "mallory")
OFFERED = BotIdentity("9", "Ada_K3v9_bot", "Ada's Moltbot")
OTHER = BotIdentity("8", "another_bot", "A Moltbot")
TIED = {"setup.messaging.userId": "1", "setup.messaging.link.usedAt": NOW}


def customer(key: str, **messaging: Any) -> Customer:
    setup = {"status": "in_progress", "messaging": messaging}
    return new_record(id=key, email=f"{key}@example.com", status="in_progress", setup=setup).customer


def start(who: Person, code: str = "c0de") -> Wrote:
    return Wrote(5, who, f"/start {code}")


def made(who: Person, bot: BotIdentity = OFFERED) -> MadeBot:
    return MadeBot(5, who, bot)


def taken(bot: BotIdentity) -> dict[str, object]:
    return {
        "setup.messaging.botId": bot.id,
        "setup.messaging.botUsername": bot.username,
        "setup.messaging.managed": True,
        "setup.messaging.link.suggested": None,
    }


def said(decision: Decision) -> tuple[str, str, str] | None:
    answer = decision.answer
    return (answer.to, answer.what, answer.customer_id) if answer else None


HERE = ("1", "where they are", "a")
YOURS = ("1", "manager-bot.txt", "a")
A = customer("a", username="@ada", link=LINK)
A_UNNAMED = customer("a", link=LINK)
A_USED = customer("a", username="@ada", userId="1", link={**LINK, "usedAt": NOW})
A_EXPIRED = customer("a", link={**LINK, "expiresAt": "2026-11-27T09:59:59Z"})
A_DONE = customer("a", userId="1", botId="9", botUsername="ada_k3v9_bot", link={**LINK, "usedAt": NOW})

WRITTEN = [
    ("the customer opens their link", A, start(ADA), TIED, ["link_used"], HERE),
    (
        "whoever opens a link of nobody known is the customer",
        A_UNNAMED,
        start(ADA),
        {**TIED, "setup.messaging.username": "@ada"},
        ["link_used"],
        HERE,
    ),
    ("opened again", A_USED, start(ADA), None, [], HERE),
    ("somebody else opens it", A, start(MALLORY), {}, ["link_refused"], ("3", "stranger: not theirs", "")),
    ("too late for the first", A_USED, start(MALLORY), {}, ["link_refused"], ("3", "stranger: used", "")),
    ("expired", A_EXPIRED, start(ADA), {}, ["link_refused"], ("1", "stranger: expired", "")),
    ("a code of no link", A, start(MALLORY, "other"), None, [], ("3", "stranger: unknown", "")),
    ("a word of a customer", A_USED, Wrote(5, ADA, "hello"), None, [], HERE),
    ("a word of a stranger", A_USED, Wrote(5, MALLORY, "hello"), None, [], ("3", "stranger: unknown", "")),
    ("the bot that was offered", A, made(ADA), {**TIED, **taken(OFFERED)}, ["bot_created"], YOURS),
    ("another bot, by the username", A, made(ADA, OTHER), {**TIED, **taken(OTHER)}, ["bot_created"], YOURS),
    (
        "another bot, by the id",
        A_USED,
        made(ADA, OTHER),
        {"setup.messaging.userId": "1", **taken(OTHER)},
        ["bot_created"],
        YOURS,
    ),
    ("the offered bot of somebody else", A, made(MALLORY), {}, ["link_refused"], None),
    ("a bot that is known", A_DONE, made(ADA), None, [], YOURS),
]


@pytest.mark.parametrize(
    ("who", "update", "fields", "events", "answer"),
    [row[1:] for row in WRITTEN],
    ids=[row[0] for row in WRITTEN],
)
def test_what_an_update_means(
    who: Customer,
    update: Wrote | MadeBot,
    fields: dict[str, object] | None,
    events: list[str],
    answer: tuple[str, str, str] | None,
) -> None:
    decision = decide(update, Known([customer("z"), who]), NOW)

    assert said(decision) == answer
    if fields is None:
        assert decision.changes == ()
    else:
        (change,) = decision.changes
        assert (change.customer_id, change.fields) == ("a", fields)
        assert [event for event, _ in change.events] == events
    assert not decision.postponed


def test_a_bot_of_nobody_is_kept_and_its_maker_gets_it_with_the_link() -> None:
    update = made(ADA, OTHER)
    kept = decide(update, Known([A_UNNAMED]), NOW)
    assert (kept.unclaimed, kept.changes, kept.answer) == (update, (), None)

    decision = decide(start(ADA), Known([A_UNNAMED], [made(MALLORY), update]), NOW)

    assert (decision.claimed, decision.owner, said(decision)) == (update, "a", YOURS)
    (change,) = decision.changes
    assert change.fields == {**TIED, "setup.messaging.username": "@ada", **taken(OTHER)}
    assert [event for event, _ in change.events] == ["link_used", "bot_created"]


def test_of_two_with_one_username_none_is_believed_until_one_is_known_by_id() -> None:
    twin = customer("b", username="@ada", link={**LINK, "code": "x", "suggested": "b_bot"})
    update = made(ADA, OTHER)

    assert decide(update, Known([A, twin]), NOW).unclaimed == update
    assert decide(update, Known([twin, A_USED]), NOW).owner == "a"


def test_a_refusal_is_written_before_the_makers_own_bot_and_only_once() -> None:
    grace = customer("g", username="@grace", link={**LINK, "code": "g", "suggested": "g_bot"})

    decision = decide(made(GRACE), Known([A, grace]), NOW)

    assert [change.customer_id for change in decision.changes] == ["a", "g"]
    assert decision.owner == "g"
    noted = decision.changes[0]
    timeline = [{"timestamp": NOW, "event": event, "details": details} for event, details in noted.events]
    before = new_record(
        id="a", setup=A.model_dump(by_alias=True)["setup"], status="in_progress", timeline=timeline
    )
    again = decide(made(GRACE), Known([before.customer, grace]), NOW)
    assert [change.customer_id for change in again.changes] == ["g"]


@pytest.mark.parametrize(
    ("update", "postponed"),
    [
        (Wrote(5, MALLORY, "hello"), True),
        (start(ADA, "other"), True),
        (Wrote(5, ADA, "hello"), False),
        (start(ADA), False),
        (made(MALLORY, OTHER), False),
    ],
)
def test_who_may_be_in_a_record_that_cannot_be_read_is_not_judged(
    update: Wrote | MadeBot, postponed: bool
) -> None:
    decision = decide(update, Known([A_USED], complete=False), NOW)

    assert decision.postponed is postponed
    if postponed:
        assert (decision.changes, decision.answer) == ((), None)


def test_who_used_a_link_comes_before_a_record_that_has_the_same_id() -> None:
    told = customer("b", userId="1")
    decision = decide(Wrote(5, ADA, "hello"), Known([told, A_USED]), NOW)
    assert said(decision) == HERE


@pytest.mark.parametrize(
    ("who", "update", "theirs"),
    [
        (A, made(ADA, OTHER), True),
        (A_UNNAMED, made(MALLORY), True),
        (A_UNNAMED, made(MALLORY, OTHER), False),
        (A, made(MALLORY), False),
        (A_EXPIRED, made(ADA), False),
        (A_DONE, made(ADA), False),
    ],
)
def test_which_bots_may_be_a_customers(who: Customer, update: MadeBot, theirs: bool) -> None:
    assert may_be_theirs(who, update, NOW) is theirs


def test_a_decision_is_the_same_for_the_same_records() -> None:
    known = Known([A])
    assert decide(start(ADA), known, NOW) == decide(start(ADA), known, NOW)
    assert decide(start(ADA), known, NOW).changes == (
        Change("a", TIED, (("link_used", "@ada (1) opened the link"),)),
    )
