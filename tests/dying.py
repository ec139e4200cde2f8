"""Processes that die in tests: at a failpoint, by its number or its name."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from provisioner import failpoints
from provisioner.errors import ProvisionerError


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(at: int | str) -> Iterator[list[str]]:
    """Ends the process at that failpoint, and no error is raised; what was passed."""
    places: list[str] = []

    def watch(place: str) -> None:
        places.append(place)
        if at in (place, len(places) - 1):
            raise Killed(place)

    with pytest.MonkeyPatch.context() as patch, suppress(Killed, ProvisionerError):
        patch.setattr(failpoints, "watch", watch)
        yield places
