import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioner.runs.log import KEPT, RunLog, forget_old, last_progress, new_run
from provisioner.runs.progress import Progress

WHO, ID = "customer@example.com", "cust_1"
_SECOND = timedelta(seconds=1)


def told(folder: Path, run: str, text: str) -> None:
    log = RunLog(folder, run, ID)
    log(Progress(WHO, "droplet", "said", text))
    log.close()


def test_of_many_runs_in_one_moment_the_last_one_is_the_last(tmp_path: Path) -> None:
    for number in range(50):
        told(tmp_path, new_run(tmp_path), f"run {number}")

    assert last_progress(tmp_path, {ID: WHO})[ID]["text"] == "run 49"


@pytest.mark.parametrize("ahead", ["2999-01-29T055400.123456Z-a1b2c3", "2999-01-29T055400Z-a1b2c3"])
def test_after_a_clock_that_was_ahead_the_last_run_is_still_the_last(tmp_path: Path, ahead: str) -> None:
    told(tmp_path, ahead, "ahead")
    names = [new_run(tmp_path)]
    for number in range(3):
        told(tmp_path, names[-1], f"run {number}")
        names.append(new_run(tmp_path))

    assert last_progress(tmp_path, {ID: WHO})[ID]["text"] == "run 2"
    assert names == sorted(names)
    assert len({len(name) for name in names}) == 1


def test_a_run_is_found_after_the_address_has_changed_and_is_nobody_elses(tmp_path: Path) -> None:
    told(tmp_path, new_run(tmp_path), "before the change")

    assert last_progress(tmp_path, {ID: "new@example.com"})[ID]["text"] == "before the change"
    assert last_progress(tmp_path, {"cust_2": WHO}) == {}


def test_an_older_log_is_known_by_its_address(tmp_path: Path) -> None:
    event = {
        "who": WHO,
        "step": "droplet",
        "kind": "said",
        "text": "older",
        "timestamp": "2026-01-29T05:54:00Z",
    }
    (tmp_path / "2026-01-29T055400Z-a1b2c3.jsonl").write_text(json.dumps(event) + "\n")

    assert last_progress(tmp_path, {ID: WHO})[ID]["text"] == "older"


def test_a_name_that_is_no_moment_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "zzz.jsonl").write_text("")
    assert new_run(tmp_path) < "zzz"


def test_a_folder_that_cannot_be_made_does_not_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    told(tmp_path / "runs", "run", "lost")


def test_a_full_disk_does_not_end_the_run(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "run", ID)
    assert log._descriptor is not None
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._descriptor)
    os.close(full)

    log(Progress(WHO, "droplet", "said", "lost"))
    log.close()


def test_each_event_is_one_line_of_json(tmp_path: Path) -> None:
    told(tmp_path, "run", "an “odd”\nline")

    [line] = (tmp_path / "run.jsonl").read_text().splitlines()
    assert json.loads(line)["text"] == "an “odd”\nline"
    assert (tmp_path / "run.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_torn_by_a_full_disk_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(tmp_path, "run", ID)
    monkeypatch.setattr(os, "write", lambda handle, data: _write(handle, data[:20]))
    log(Progress(WHO, "droplet", "said", "torn"))
    monkeypatch.undo()
    log(Progress(WHO, "droplet", "failed", "whole"))
    log.close()

    assert last_progress(tmp_path, {ID: WHO})[ID]["text"] == "whole"


_write = os.write


def test_what_no_encoding_has_is_no_hindrance(tmp_path: Path) -> None:
    told(tmp_path, "run", "half of a pair: \ud800")
    assert last_progress(tmp_path, {ID: WHO})[ID]["text"] == "half of a pair: \ud800"


def test_long_last_words_are_found(tmp_path: Path) -> None:
    told(tmp_path, "run", "x" * 100_000)
    assert len(last_progress(tmp_path, {ID: WHO})[ID]["text"]) == 100_000


@pytest.mark.parametrize("name", ["2026-01-29-aa", "9999-12-31T235959.999999Z-aa", "zzz"])
def test_no_name_of_a_log_hinders_the_next_run(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.jsonl").write_text("")
    assert new_run(tmp_path).startswith("2")


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"who": ["a"]}', '{"who": "customer@example.com", "kind": ["failed"]}', "7", "null"],
)
def test_no_line_of_a_log_hinders_a_look(tmp_path: Path, line: str) -> None:
    (tmp_path / "run.jsonl").write_text(line + "\n")
    assert last_progress(tmp_path, {ID: WHO}) == {}


def test_a_folder_that_nobody_may_read_has_no_runs(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    assert last_progress(tmp_path / "runs", {ID: WHO}) == {}
    assert new_run(tmp_path / "runs")


def test_old_logs_go_and_what_is_not_a_log_stays(tmp_path: Path) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    old, fresh = (f"{moment:%Y-%m-%dT%H%M%S.%fZ}-a1b2c3" for moment in (now - KEPT - _SECOND, now - KEPT))
    for name in (old, fresh, "strange"):
        told(tmp_path, name, "said")

    forget_old(tmp_path, now)

    assert sorted(path.stem for path in tmp_path.iterdir()) == [fresh, "strange"]
