"""A day of the worker with a cloud that fails again and again: everybody is set up, and nobody told twice.

`python -m tests.worker.test_day 200` prints what a longer one took.
"""

import gc
import random
import resource
import sys
import tempfile
import threading
import tracemalloc
from pathlib import Path

import pytest

from provisioner.errors import CloudError
from provisioner.step import Outcome, Work
from provisioner.worker.due import WORKFLOWS
from provisioner.workspace import init_workspace
from tests.steps.support import workflow
from tests.worker.test_loop import OnlyStep, Stage, finish

_MINUTES = 5
_BROKEN = "customer0@example.com"


class FaultyCloud:
    """Three of four setups fail; one customer's always does, for a reason that no retry mends."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, work: Work) -> Outcome:
        if work.customer.email == _BROKEN:
            raise CloudError("create the droplet", cause="the account is locked", hint="ask DigitalOcean")
        with self._lock:
            fails = self._chance.random() < 0.75
        if fails:
            raise CloudError("create the droplet", cause="no answer", retry=True)
        return finish(work)


def a_day(stage: Stage, customers: int) -> tuple[list[str], list[int]]:
    """What the operator was told in that time, and the memory in use after each hour, in bytes."""
    emails = stage.add(*(f"customer{number}" for number in range(customers)))
    stage.step.plans = dict.fromkeys(emails, FaultyCloud(1))
    worker, told, memory = stage.worker(), list[str](), list[int]()
    tracemalloc.start()
    for hour in range(24):
        for _ in range(60 // _MINUTES):
            stage.turn(worker, 1)
            stage.seconds += _MINUTES * 60
            stage.alerts.send({"mail": lambda _subject, text: told.append(text)})
        if hour % 6 == 5:
            gc.collect()
            memory.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return told, memory


@pytest.mark.timeout(600)
def test_in_a_day_everybody_is_set_up_and_each_alert_comes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _ = init_workspace(tmp_path / "workspace")
    step = OnlyStep()
    monkeypatch.setitem(WORKFLOWS, "provision", workflow(step))
    stage = Stage(workspace, step)

    told, _ = a_day(stage, 15)

    open_ones = [one.whom for one in stage.alerts.open]
    assert open_ones == [_BROKEN]
    left = [one.customer.email for one in workspace.store().all() if one.customer and one.customer.requests]
    assert left == [_BROKEN]
    assert len(told) == len(set(told))
    assert sum(_BROKEN in text for text in told) == 1


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace, _ = init_workspace(Path(folder) / "workspace")
        step = OnlyStep()
        WORKFLOWS["provision"] = workflow(step)  # type: ignore[index]
        stage = Stage(workspace, step)
        told, memory = a_day(stage, int(sys.argv[1]))
        print(
            f"{sys.argv[1]} customers, {len(step.begun)} runs, {len(told)} alerts, each once:", len(set(told))
        )
        print("traced memory after 6, 12, 18, 24 hours:", memory)
        print("peak RSS, KB:", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print("still open:", [one.whom for one in stage.alerts.open])


if __name__ == "__main__":
    main()
