"""What the operator has to know: each thing once, by e-mail and over the manager bot.

What was told is a small file, replaced whole. That something is about to be sent is written down before it
is, so that a kill may lose one of the two ways, and never makes anything be said twice. What many customers
meet for the same reason is one alert, which says how many they are.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from provisioner.errors import MailError, ProvisionerError, RecordError, TelegramError
from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import Files, explained, write_durably
from provisioner.filesystem.locks import locked
from provisioner.services.mail import Email, MailUncertain
from provisioner.services.telegram.client import TelegramUncertain
from provisioner.timestamps import moment, present, written

_FORGET_AFTER = timedelta(days=90)
GATHER_SECONDS = 120.0
"""How long what has failed is held back: one message tells of all who meet it, and none of what is over."""
_NAMED = 5
"""How many of them are named."""
_LOCK_SECONDS = 30.0
_LONGEST_MESSAGE = 3500
_WHOM = "the operator"

Way = Callable[[str, str], None]
"""Sends a subject and a text to the operator; MailError or TelegramError if it could not."""
State = Literal["", "begun", "sent"]


class Alert(BaseModel):
    """One thing that the operator is told: open until it is over, where it can be."""

    model_config = ConfigDict(frozen=True)

    key: str
    at: str
    whom: str | None
    text: str
    can_end: bool
    ended: bool = False
    ways: dict[str, State] = {}
    concerns: dict[str, str] = {}
    """Whose runs have met it, where it is about runs: their addresses, by what was run."""

    @property
    def subject(self) -> str:
        """What is sent: whom it is about, and what."""
        if not self.concerns:
            return f"{self.whom}: {self.text}" if self.whom else self.text
        addresses = sorted(set(self.concerns.values()))
        named = ", ".join(addresses[:_NAMED])
        if len(addresses) == 1:
            return f"{named}: {self.text}"
        more = f" and {len(addresses) - _NAMED} more" if len(addresses) > _NAMED else ""
        return f"{len(addresses)} customers: {self.text}\n\nThey are {named}{more}."

    @property
    def runs(self) -> frozenset[str]:
        """What has to go well for this to be over, where it is about runs."""
        return frozenset(self.concerns or (self.key,))

    @property
    def is_open(self) -> bool:
        return self.can_end and not self.ended


class _Stored(BaseModel):
    alerts: tuple[Alert, ...] = ()


class Alerts:
    """All of one workspace, for several threads and processes."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = present) -> None:
        self._now = now
        self._path = folder / "alerts.json"
        self._lock = folder / "alerts.lock"
        self._files = Files()

    def tell(
        self,
        key: str,
        whom: str | None,
        text: str,
        *,
        can_end: bool = False,
        concerns: Mapping[str, str] | None = None,
    ) -> bool:
        """Have the operator told; False if they were before, and it has not ended since.

        With `concerns` (addresses, by what was run for them) these are added to those whom it concerns, and
        it is told a little later, when others who meet it are in it, unless it is over by then. On disk when
        this returns.
        """
        with self._changing() as (there, save):
            before = next((one for one in there if one.key == key and not one.ended), None)
            if before is not None and not (concerns and concerns.keys() - before.concerns.keys()):
                return False
            if before is not None:
                more = before.model_copy(update={"concerns": {**before.concerns, **(concerns or {})}})
                save([more if one is before else one for one in there])
                return False
            new = Alert(key=key, at=written(self._now()), whom=whom, text=text, can_end=can_end)
            told = new.model_copy(update={"concerns": dict(concerns or {})})
            save([*(one for one in there if one.key != key), told])
            return True

    def over(self, *runs: str) -> None:
        """These go well again, or nobody wants them any more: what concerned nobody else is over."""
        if not any(one.is_open and not one.runs.isdisjoint(runs) for one in self._read()):
            return
        with self._changing() as (there, save):
            save([_without(one, runs) if one.is_open else one for one in there])

    def end(self, *keys: str) -> None:
        """These are over: the next time is news again."""
        if not any(one.key in keys and one.is_open for one in self._read()):
            return
        with self._changing() as (there, save):
            over = [
                one.model_copy(update={"ended": True}) if one.key in keys and one.is_open else one
                for one in there
            ]
            save(over)

    @property
    def open(self) -> list[Alert]:
        """What is not over yet, the oldest first."""
        return [one for one in self._read() if one.is_open]

    def summarize(self, at: str, moment: datetime) -> None:
        """Once a day, from the time `at` on, have the operator told what is open, if anything is."""
        there = self.open
        if not at or f"{moment:%H:%M}" < at or not there:
            return
        lines = "\n\n".join(f"{one.at}  {one.subject}" for one in there)
        self.tell(f"summary {moment:%Y-%m-%d}", None, f"{len(there)} still open\n\n{lines}")

    def send(self, ways: dict[str, Way]) -> list[ProvisionerError]:
        """Tell what was not told yet, each way once; what certainly was not sent is tried again later."""
        problems: list[ProvisionerError] = []
        for alert in self._read():
            if (alert.ended and alert.can_end) or self._gathers(alert):
                continue
            for name, way in ways.items():
                if not alert.ways.get(name):
                    problems += self._send(alert, name, way)
        return problems

    def _gathers(self, alert: Alert) -> bool:
        began = moment(alert.at)
        if not alert.concerns or began is None:
            return False
        return timedelta() <= self._now() - began < timedelta(seconds=GATHER_SECONDS)

    def _send(self, alert: Alert, name: str, way: Way) -> list[ProvisionerError]:
        self._mark(alert.key, name, "begun")
        failpoint("before tell the operator")
        try:
            way(alert.subject.splitlines()[0][:200], alert.subject[:_LONGEST_MESSAGE])
        except (MailUncertain, TelegramUncertain) as problem:
            return [problem]
        except (MailError, TelegramError) as problem:
            self._mark(alert.key, name, "")
            return [problem]
        failpoint("after tell the operator")
        self._mark(alert.key, name, "sent")
        return []

    def _mark(self, key: str, way: str, state: State) -> None:
        with self._changing() as (there, save):
            marked = [
                one.model_copy(update={"ways": {**one.ways, way: state}}) if one.key == key else one
                for one in there
            ]
            save(marked)

    @contextmanager
    def _changing(self) -> Iterator[tuple[tuple[Alert, ...], Callable[[Iterable[Alert]], None]]]:
        """The alerts as they are now, and how to save others, under the lock."""
        with locked(self._lock, "tell the operator", _WHOM, _LOCK_SECONDS):
            yield self._read(), self._save

    def _read(self) -> tuple[Alert, ...]:
        with explained("read the alerts", str(self._path)):
            if not self._path.exists():
                return ()
            raw = self._path.read_bytes()
        try:
            return _Stored.model_validate_json(raw).alerts
        except ValidationError:
            hint = "remove it; what is still wrong is told once more"
            raise RecordError(
                "read the alerts", whom=str(self._path), cause="it is not as it was written", hint=hint
            ) from None

    def _save(self, alerts: Iterable[Alert]) -> None:
        fresh = [one for one in alerts if one.is_open or self._is_remembered(one)]
        with explained("write the alerts", str(self._path)):
            self._files.make_folder(self._path.parent)
            content = _Stored(alerts=tuple(fresh)).model_dump_json().encode()
            write_durably(self._files, self._path, content, self._files.stamp(self._path))

    def _is_remembered(self, alert: Alert) -> bool:
        began = moment(alert.at)
        return began is not None and self._now() - began < _FORGET_AFTER


def _without(alert: Alert, runs: Container[str]) -> Alert:
    left = [run for run in alert.runs if run not in runs]
    if not left:
        # Whom it concerned last is still to be read there.
        return alert.model_copy(update={"ended": True})
    concerns = {run: address for run, address in alert.concerns.items() if run in left}
    return alert.model_copy(update={"concerns": concerns})


def email_of(subject: str, text: str) -> Email:
    """An e-mail to the operator."""
    from html import escape

    return Email(f"provisioner: {subject}", text + "\n", f"<pre>{escape(text)}</pre>\n")
