"""What is done again and again goes on whatever it meets."""

import threading
import time
from collections.abc import Callable

from provisioner.errors import CloudError
from provisioner.worker.repeated import Repeated

WAIT_SECONDS = 60


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_problem_is_said_once_and_that_it_is_over() -> None:
    problems: list[Exception | None] = [
        CloudError("look", cause="no", hint="wait"),
        ZeroDivisionError(),
        None,
    ]
    said: list[str] = []
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        problem = problems[min(looks // 4, 2)]
        if problem is not None:
            raise problem

    part = Repeated("it", look, 0.001, said.append)
    part.start()
    until(lambda: len(said) == 3)

    assert part.stop(WAIT_SECONDS)
    assert said == [
        "it: could not look: no; wait",
        "it: a bug: ZeroDivisionError()",
        "it: goes well again",
    ]
    assert part.problem is None


def test_it_is_woken_before_its_time_also_while_it_looks() -> None:
    looks: list[int] = []
    busy, go_on = threading.Event(), threading.Event()

    def look() -> None:
        looks.append(1)
        busy.set()
        go_on.wait(WAIT_SECONDS)

    part = Repeated("it", look, 3600, lambda _: None)
    part.start()
    assert busy.wait(WAIT_SECONDS)
    part.wake()
    go_on.set()
    until(lambda: len(looks) == 2)
    part.wake()
    until(lambda: len(looks) == 3)

    assert part.stop(WAIT_SECONDS)


def test_what_a_look_meets_when_it_is_to_end_is_no_problem() -> None:
    said: list[str] = []
    busy, cut_off = threading.Event(), threading.Event()

    def look() -> None:
        busy.set()
        cut_off.wait(WAIT_SECONDS)
        raise RuntimeError("the connection was closed")

    part = Repeated("it", look, 3600, said.append)
    part.start()
    assert busy.wait(WAIT_SECONDS)
    part.stop(0)
    cut_off.set()
    assert part.stop(WAIT_SECONDS)

    assert said == []


def test_a_stop_does_not_wait_for_ever() -> None:
    let_go = threading.Event()

    def look() -> None:
        let_go.wait(WAIT_SECONDS)

    part = Repeated("it", look, 3600, lambda _: None)
    part.start()
    assert not part.stop(0.01)
    let_go.set()
    assert part.stop(WAIT_SECONDS)
