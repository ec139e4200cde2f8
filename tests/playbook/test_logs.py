"""Journals and outputs, read later and while they grow."""

from pathlib import Path

import pytest

from provisioner.errors import InputError, RemoteError, TaskFailed
from provisioner.playbook.execute import Execution
from provisioner.playbook.logs import follow_journal, read_journal, read_log, runs_on
from tests.fixtures.machine import Machine, until
from tests.playbook.applying import Applying, apply, tasks

pytestmark = pytest.mark.sandbox


def test_a_run_that_is_over(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed):
        apply(machine, tasks(tmp_path, "  - {name: Tell, run: echo told; exit 7}\n"))
    until(machine.idle)
    with machine.connect() as connection:
        journal = read_journal(connection)
        last = runs_on(connection)[-1].id
        assert journal == read_journal(connection, last)
        assert read_log(connection, last, 1) == "told\n"
        assert read_log(connection, last, 2) == ""
    assert [line["event"] for line in journal] == ["run", "begin", "end", "finished", "stopped"]
    assert (journal[2]["exit"], journal[2]["output"], journal[3]["ok"]) == (7, "told\n", False)


def test_a_run_that_goes_on(machine: Machine, tmp_path: Path) -> None:
    machine.shell("rm -f /go")
    text = "  - name: Wait\n    run: until [[ -e /go ]]; do sleep 0.05; done; echo done\n"
    applying = Applying(machine, tasks(tmp_path, text)).until_it_waits()
    seen = []
    with machine.connect() as connection:
        for line in follow_journal(connection):
            seen.append(line["event"])
            if line["event"] == "begin":
                machine.shell("touch /go")
    assert seen == ["run", "begin", "end", "finished"]
    applying.result()


def test_what_came_of_runs_and_which_one_is_shown(machine: Machine, tmp_path: Path) -> None:
    machine.shell("rm -rf /var/lib/provisioner/runs/* /made-here")
    made = tasks(tmp_path, "  - {name: A, run: touch /made-here, creates: /made-here}\n", name="one")
    worked = apply(machine, made).run
    apply(machine, made)
    with machine.connect() as connection:
        Execution(connection, tasks(tmp_path, "  - {name: B, run: 'true'}\n", name="two")).plan()
        until(machine.idle)
        runs = runs_on(connection)
        assert [(run.playbook, run.looked, run.ok, run.changed, run.tasks) for run in runs] == [
            ("one", False, True, 1, 1),
            ("one", False, True, 0, 1),
            ("two", True, True, 1, 1),
        ]
        assert read_journal(connection)[0]["run"] == worked


def test_a_journal_without_end_is_one_error(machine: Machine) -> None:
    folder = "/var/lib/provisioner/runs/0-huge"
    machine.shell(f"mkdir -p {folder}; truncate -s 100G {folder}/journal.jsonl")
    try:
        with machine.connect() as connection:
            with pytest.raises(RemoteError, match="it sent more than"):
                read_journal(connection, "0-huge")
            with pytest.raises(RemoteError, match="has 107374182400 bytes"):
                list(follow_journal(connection, "0-huge"))
            assert [run.ok for run in runs_on(connection) if run.id == "0-huge"] == [None]
    finally:
        machine.shell(f"rm -r {folder}")


def test_a_name_that_is_no_run(machine: Machine) -> None:
    with machine.connect() as connection, pytest.raises(InputError):
        read_journal(connection, "x; id")
