"""What a step has done is written, whoever writes to the record at the same moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Record
from provisioner.errors import RecordError
from provisioner.runs.work import CustomerWork
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.workspace import init_workspace

EMAIL = "ada@example.com"


@pytest.fixture
def work(tmp_path: Path) -> CustomerWork:
    workspace, _ = init_workspace(tmp_path / "workspace")
    record = new_record(SignUp(EMAIL, "sub_1"))
    workspace.store().add(record)
    return CustomerWork(workspace, Settings(), Services(Settings()), record)


def refusing(work: CustomerWork, times: int, *, retry: bool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have the store refuse so many edits; who asked."""
    edit, asked = work.store.edit, []

    @contextmanager
    def refuse_first(who: str, *words: str) -> Iterator[Record]:
        asked.append(who)
        if len(asked) <= times:
            raise RecordError("write the record", cause="another program changed the file", retry=retry)
        with edit(who, *words) as record:
            yield record

    monkeypatch.setattr(work.store, "edit", refuse_first)
    return asked


def test_a_write_that_another_program_came_before_is_made_again(
    work: CustomerWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = refusing(work, 2, retry=True, monkeypatch=monkeypatch)
    work.record("droplet_created", "it is there", {"setup.droplet.id": "1"})
    assert len(asked) == 3
    assert work.customer.setup.droplet.id == "1"
    assert [event.event for event in work.customer.timeline].count("droplet_created") == 1


@pytest.mark.parametrize(("retry", "tries"), [(True, 5), (False, 1)])
def test_what_cannot_be_written_is_an_error(
    work: CustomerWork, monkeypatch: pytest.MonkeyPatch, retry: bool, tries: int
) -> None:
    asked = refusing(work, 9, retry=retry, monkeypatch=monkeypatch)
    with pytest.raises(RecordError, match="another program changed the file"):
        work.write({"setup.droplet.id": "1"})
    assert len(asked) == tries


@pytest.mark.parametrize("program", [None, "the worker"])
def test_an_event_says_whose_doing_it_was(
    work: CustomerWork, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    monkeypatch.setattr("provisioner.actor._program", program)
    monkeypatch.setenv("SUDO_USER", "grace")
    work.record("droplet_created", "it is there")
    assert work.customer.timeline[-1].by == (program or "grace")
