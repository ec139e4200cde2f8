"""A program of ours in a time that passes faster: `python -m tests.simulated_time TIME MODULE [WORDS]`.

What the product takes from `time` and `threading` (the hour, waits, sleeps) passes RATE times as fast; what
bounds a wait for others (files, sockets, connections) stays real, because they are no faster. Several
processes with the same TIME agree on the hour.
"""

import builtins
import json
import runpy
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

_REAL = (
    "provisioner.cli",
    "provisioner.customers.files",
    "provisioner.filesystem",
    "provisioner.playbook",
    "provisioner.sandbox.control.launch",
    "provisioner.sandbox.control.socket_http",
    "provisioner.services.telegram.transport",
    "provisioner.ssh",
    "provisioner.web",
)
"""Whose waits are for what takes as long as it takes, or whose moments are compared with those of files."""


@dataclass(frozen=True)
class SimulatedTime:
    """It was `epoch` (seconds since 1970) when the machine's monotonic clock said `zero`."""

    rate: float
    zero: float
    epoch: float

    def time(self) -> float:
        return self.epoch + (time.monotonic() - self.zero) * self.rate

    def monotonic(self) -> float:
        return self.zero + (time.monotonic() - self.zero) * self.rate

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.rate)

    @property
    def word(self) -> str:
        """As the command line takes it."""
        return json.dumps(asdict(self))


def install(simulated: SimulatedTime) -> None:
    """Have each module of the product that is imported from now on live in this time."""
    ours = {"time": _times(simulated), "threading": _threads(simulated.rate)}
    imported = builtins.__import__

    def find(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - as it is called
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        importer = str((globals or {}).get("__name__", ""))
        if name in ours and importer.startswith("provisioner.") and not importer.startswith(_REAL):
            return ours[name]
        return imported(name, globals, locals, fromlist, level)

    builtins.__import__ = find


def _times(simulated: SimulatedTime) -> ModuleType:
    return _like(time, time=simulated.time, monotonic=simulated.monotonic, sleep=simulated.sleep)


def _threads(rate: float) -> ModuleType:
    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            return super().wait(None if timeout is None else timeout / rate)

    class Condition(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            return super().wait(None if timeout is None else timeout / rate)

    return _like(threading, Event=Event, Condition=Condition)


def _like(module: ModuleType, **other: Any) -> ModuleType:
    """The module with other things in it."""
    made = ModuleType(module.__name__)
    made.__dict__.update(module.__dict__)
    made.__dict__.update(other)
    return made


def main() -> None:
    word, module, *words = sys.argv[1:]
    install(SimulatedTime(**json.loads(word)))
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
