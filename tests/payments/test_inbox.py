"""Events as files: whoever brings one, it is there once, whole, and found again after a power cut."""

import os
from pathlib import Path

import pytest

from provisioner.filesystem.durable import Files
from provisioner.payments.events import envelope_of
from provisioner.payments.inbox import Inbox, Outcome
from tests.payments.stripe_events import Document, Person


class OvertakenFiles(Files):
    """Just before a file gets its name, somebody else makes the same one; synced folders are noted."""

    def __init__(self, other: Inbox, document: Document) -> None:
        self._other = other
        self._document = document
        self.synced: list[Path] = []

    def link(self, source: Path, target: Path) -> bool:
        assert self._other.receive(envelope_of(self._document), self._document)
        return super().link(source, target)

    def sync_folder(self, folder: Path) -> None:
        self.synced.append(folder)
        super().sync_folder(folder)


@pytest.fixture
def paid() -> Document:
    *_, completed = Person("ada", "ada@example.com").subscribe()
    return completed


def test_an_event_that_two_receive_at_the_same_moment_is_there_once(tmp_path: Path, paid: Document) -> None:
    files = OvertakenFiles(Inbox(tmp_path), paid)
    inbox = Inbox(tmp_path, files)

    assert inbox.receive(envelope_of(paid), paid) is False

    assert [one.document for one in inbox.all()] == [paid]
    assert [path.name for path in (tmp_path / "pending").iterdir()] == [f"{paid['id']}.json"]


def test_who_finds_an_event_that_is_just_written_answers_for_it_too(tmp_path: Path, paid: Document) -> None:
    """The first one may not have come so far that it would survive a power cut."""
    files = OvertakenFiles(Inbox(tmp_path), paid)
    Inbox(tmp_path).receive(envelope_of(paid), paid)

    assert Inbox(tmp_path, files).receive(envelope_of(paid), paid) is False

    assert files.synced == [tmp_path / "pending"]


def test_what_a_kill_has_left_half_written_is_no_event_and_goes(tmp_path: Path, paid: Document) -> None:
    inbox = Inbox(tmp_path)
    inbox.receive(envelope_of(paid), paid)
    old, new = (tmp_path / "pending" / name for name in ("0a.tmp", "0b.tmp"))
    for path in (old, new):
        path.write_text("{")
    os.utime(old, (1_000_000_000, 1_000_000_000))

    inbox.forget_old()

    assert (old.exists(), new.exists()) == (False, True)
    assert [one.id for one in inbox.pending()] == [paid["id"]]


def test_what_is_back_after_a_power_cut_is_dealt_with_once(tmp_path: Path, paid: Document) -> None:
    inbox = Inbox(tmp_path)
    inbox.receive(envelope_of(paid), paid)
    (pending,) = inbox.pending()
    content = (tmp_path / "pending" / f"{paid['id']}.json").read_bytes()
    inbox.finish(pending, Outcome("applied", "all is well", "2026-01-29T05:54:00Z"))
    (tmp_path / "pending" / f"{paid['id']}.json").write_bytes(content)

    inbox.clean_up()

    assert (inbox.pending(), [one.place for one in inbox.all()]) == ([], ["done"])


def test_until_when_events_were_fetched_never_goes_back(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    assert inbox.fetched_until() == 0
    inbox.note_fetched(2000)
    inbox.note_fetched(1000)
    assert Inbox(tmp_path).fetched_until() == 2000
    (tmp_path / "fetched.json").write_text("[")
    assert inbox.fetched_until() == 0
