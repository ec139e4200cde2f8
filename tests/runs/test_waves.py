"""Waves: each has to go well before the next begins."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import BusyError, ProvisionerError, RemoteError
from provisioner.runs.fleet import Fleet, JobResult
from provisioner.runs.waves import Waved, run_in_waves, waves
from provisioner.runs.workflow import APPLY, Workflow

NAMES = tuple(f"c{number}@example.com" for number in range(12))


class ToldFleet(Fleet):
    """A fleet whose jobs end as is said."""

    def __init__(self, endings: dict[str, JobResult]) -> None:
        self.endings = endings
        self.waves: list[Sequence[str]] = []

    def run_all(
        self,
        customers: Sequence[str],
        workflow: Workflow = APPLY,
        *,
        until: str | None = None,
        patience: float = 0.0,
    ) -> list[JobResult]:
        assert workflow is APPLY
        self.waves.append(customers)
        return [self.endings.get(who, JobResult(who)) for who in customers]


def refused(who: str, error: ProvisionerError) -> JobResult:
    return JobResult(who, refusal=error)


def test_each_wave_is_as_many_as_have_been_before() -> None:
    assert [len(wave) for wave in waves(NAMES, 1)] == [1, 1, 2, 4, 4]
    assert [len(wave) for wave in waves(NAMES, 5)] == [5, 5, 2]


@given(st.integers(0, 300), st.integers(1, 40))
def test_everybody_is_in_one_wave(number: int, canary: int) -> None:
    names = [str(one) for one in range(number)]
    assert [who for wave in waves(names, canary) for who in wave] == names


def test_after_one_that_fails_nobody_else_is_touched() -> None:
    fleet = ToldFleet({NAMES[1]: refused(NAMES[1], RemoteError("do it", cause="it fails"))})

    waved = run_in_waves(fleet, NAMES, APPLY, 1)

    assert [one.who for one in waved.results] == list(NAMES[:2])
    assert waved.untouched == NAMES[2:]


@pytest.mark.parametrize(
    "ending",
    [JobResult(NAMES[0], bug=ValueError("a bug")), JobResult(NAMES[0], interrupted=True)],
)
def test_a_bug_and_an_interruption_stop_them_too(ending: JobResult) -> None:
    assert run_in_waves(ToldFleet({NAMES[0]: ending}), NAMES, APPLY, 1).untouched == NAMES[1:]


def test_somebody_who_is_busy_stops_nobody() -> None:
    busy = refused(NAMES[0], BusyError("do it", cause="process 7 holds it"))
    assert run_in_waves(ToldFleet({NAMES[0]: busy}), NAMES, APPLY, 1).untouched == ()


def test_nobody_is_no_wave() -> None:
    assert run_in_waves(ToldFleet({}), (), APPLY, 1) == Waved((), ())
