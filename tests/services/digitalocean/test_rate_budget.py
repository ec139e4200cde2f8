import errno
import multiprocessing
import os
import stat
import time
from array import array
from pathlib import Path

import pytest

from provisioner.services.digitalocean.errors import RateLimit
from provisioner.services.digitalocean.rate_budget import MINUTE_SECONDS, RateBudget
from tests.steps.support import FastClock

ENDPOINT = "http://127.0.0.1/v2/"


@pytest.fixture
def budget(tmp_path: Path) -> RateBudget:
    return RateBudget(tmp_path / "rates", "token", ENDPOINT, a_minute=3)


def test_requests_beyond_the_minute_wait_until_the_oldest_is_over(budget: RateBudget) -> None:
    clock = FastClock()
    began = clock.time()

    for _ in range(7):
        assert budget.take(600, clock) == 0

    assert 2 * MINUTE_SECONDS <= clock.time() - began < 2 * MINUTE_SECONDS + 2


def test_who_has_no_patience_is_told_how_long_it_would_take(budget: RateBudget) -> None:
    clock = FastClock()
    for _ in range(3):
        budget.take(0, clock)

    assert budget.take(1, clock) == pytest.approx(MINUTE_SECONDS, abs=0.1)
    assert clock.waited == []


def test_a_pause_that_the_api_asked_for_holds_for_every_process(tmp_path: Path) -> None:
    clock = FastClock()
    one, other = (RateBudget(tmp_path, "token", ENDPOINT) for _ in range(2))

    one.close_for(30, clock)

    assert other.take(1, clock) == pytest.approx(30, abs=0.1)
    assert other.take(60, clock) == 0
    assert sum(clock.waited) >= 30


def test_a_disk_that_takes_nothing_stops_no_request(
    budget: RateBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    clock = FastClock()
    assert [budget.take(0, clock) for _ in range(5)] == [0] * 5


def test_a_used_up_hour_is_waited_for_and_one_with_room_is_not(budget: RateBudget) -> None:
    clock = FastClock()

    budget.heard(RateLimit(5000, 1, 0), 500, clock)
    assert budget.take(0, clock) == 0
    budget.heard(RateLimit(5000, 0, 0), 500, clock)
    assert budget.take(0, clock) == pytest.approx(500, abs=0.1)


def test_tokens_and_endpoints_have_budgets_of_their_own_and_no_token_is_in_sight(tmp_path: Path) -> None:
    clock = FastClock()
    for token, endpoint in (("one", ENDPOINT), ("two", ENDPOINT), ("one", "http://127.0.0.2/v2/")):
        assert RateBudget(tmp_path, token, endpoint, a_minute=1).take(0, clock) == 0

    assert RateBudget(tmp_path, "one", ENDPOINT, a_minute=1).take(0, clock) > 0
    files = list(tmp_path.iterdir())
    assert len(files) == 3
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert not any(b"one" in path.name.encode() + path.read_bytes() for path in files)


def test_what_was_counted_before_the_machine_started_anew_and_a_torn_file_block_nobody(
    tmp_path: Path,
) -> None:
    clock = FastClock()
    budget = RateBudget(tmp_path, "token", ENDPOINT, a_minute=1)
    budget.take(0, clock)
    budget.close_for(3000, clock)
    assert budget.take(0, clock) > 0
    [path] = tmp_path.iterdir()
    start, *moments = array("d", path.read_bytes())

    path.write_bytes(array("d", [start + 1, *moments]).tobytes())
    assert budget.take(0, clock) == 0
    path.write_bytes(b"torn")
    assert budget.take(0, clock) == 0


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_a_wall_clock_that_is_set_changes_nothing(budget: RateBudget, jump: float) -> None:
    class Set(FastClock):
        def time(self) -> float:
            return super().time() + jump

    clock = FastClock()
    budget.take(0, clock)
    budget.close_for(30, clock)

    later = Set()
    later._now = clock._now
    assert budget.take(1, later) == pytest.approx(30, abs=0.1)


def test_a_folder_that_cannot_be_made_blocks_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    budget = RateBudget(tmp_path / "file", "token", ENDPOINT, a_minute=1)

    assert [budget.take(0, FastClock()) for _ in range(3)] == [0, 0, 0]


def _take_many(folder: Path, granted: "multiprocessing.Queue[int]") -> None:
    budget = RateBudget(folder, "token", ENDPOINT, a_minute=100)
    granted.put(sum(budget.take(0) == 0 for _ in range(60)))
    granted.close()
    granted.join_thread()
    os._exit(0)


def test_processes_count_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    granted: multiprocessing.Queue[int] = context.Queue()
    processes = [context.Process(target=_take_many, args=(tmp_path, granted)) for _ in range(3)]
    for process in processes:
        process.start()
    began = time.monotonic()
    total = sum(granted.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(30)
        process.close()
    granted.close()
    granted.join_thread()
    # Who took longer than the minute may have had more.
    assert total == 100 or time.monotonic() - began > 60
