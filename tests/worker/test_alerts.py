"""The operator is told each thing once, each way, whatever dies meanwhile."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.errors import MailError, TelegramError
from provisioner.services.mail import MailUncertain
from provisioner.services.telegram.client import TelegramUncertain
from provisioner.worker.alerts import Alerts, Way
from tests.dying import killed_at


class Post:
    """Two ways to the operator, which may fail."""

    def __init__(self) -> None:
        self.mail: list[str] = []
        self.telegram: list[str] = []
        self.problem: Exception | None = None

    @property
    def ways(self) -> dict[str, Way]:
        return {"mail": self._mail, "telegram": lambda _subject, text: self.telegram.append(text)}

    def _mail(self, subject: str, text: str) -> None:
        if self.problem is not None:
            raise self.problem
        self.mail.append(text)


@pytest.fixture
def alerts(tmp_path: Path) -> Alerts:
    return Alerts(tmp_path / "worker")


def test_the_same_is_told_once_until_it_is_over(alerts: Alerts) -> None:
    post = Post()
    told = [alerts.tell("provision of 1", "ada@example.com", "no", can_end=True) for _ in range(3)]
    for _ in range(3):
        assert alerts.send(post.ways) == []
    assert (told, post.mail, post.telegram) == ([True, False, False], ["ada@example.com: no"], post.mail)

    alerts.end("provision of 1")
    assert alerts.open == []
    alerts.tell("provision of 1", "ada@example.com", "no again", can_end=True)
    alerts.send(post.ways)

    assert post.mail == ["ada@example.com: no", "ada@example.com: no again"]


@pytest.mark.parametrize("problem", [MailError("send", cause="no"), TelegramError("send", cause="no")])
def test_what_certainly_was_not_sent_is_sent_later_and_the_other_way_goes_on(
    alerts: Alerts, problem: Exception
) -> None:
    post = Post()
    post.problem = problem
    alerts.tell("a", None, "no")
    assert len(alerts.send(post.ways)) == 1
    assert (post.mail, post.telegram) == ([], ["no"])

    post.problem = None
    alerts.send(post.ways)

    assert (post.mail, post.telegram) == (["no"], ["no"])


@pytest.mark.parametrize(
    "lost", [MailUncertain("send", cause="lost"), TelegramUncertain("send", cause="lost")]
)
def test_what_may_have_been_sent_is_not_sent_again(alerts: Alerts, lost: Exception) -> None:
    post = Post()
    post.problem = lost
    alerts.tell("a", None, "no")
    alerts.send(post.ways)
    post.problem = None

    alerts.send(post.ways)

    assert post.mail == []


@pytest.mark.parametrize("place", ["before tell the operator", "after tell the operator"])
def test_a_kill_never_makes_anything_be_said_twice(alerts: Alerts, place: str) -> None:
    post = Post()
    alerts.tell("a", None, "no")
    with killed_at(place):
        alerts.send(post.ways)
    alerts.send(post.ways)
    alerts.send(post.ways)

    assert len(post.mail) <= 1
    assert post.telegram == ["no"]


def test_what_is_over_before_it_could_be_told_is_not_told(alerts: Alerts) -> None:
    post = Post()
    alerts.tell("a", None, "no", can_end=True)
    alerts.end("a")
    alerts.send(post.ways)
    assert post.mail == []


def test_once_a_day_what_is_open_is_summed_up(alerts: Alerts) -> None:
    day = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
    alerts.summarize("07:00", day)
    alerts.tell("a", "ada@example.com", "no", can_end=True)
    alerts.tell("b", None, "a refund")
    post = Post()
    alerts.send(post.ways)

    for moment in (day.replace(hour=6), day, day.replace(hour=20), day.replace(day=2)):
        alerts.summarize("07:00", moment)
    alerts.summarize("", day.replace(day=3))
    alerts.send(post.ways)

    summaries = [text for text in post.mail if "still open" in text]
    assert len(summaries) == 2
    assert all(text.startswith("1 still open") and "ada@example.com: no" in text for text in summaries)
