"""Short words for applying a playbook to a machine."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from provisioner.playbook.execute import Execution
from provisioner.playbook.journal import Event, Report, TaskBegan
from provisioner.playbook.script import Script
from tests.fixtures.machine import Machine
from tests.playbook.books import script

HEAD = "description: d\ntasks:\n"


def apply(
    machine: Machine,
    made: Script,
    secrets: Mapping[str, str] | None = None,
    listen: Callable[[Event], None] | None = None,
) -> Report:
    """Apply it over a connection of its own."""
    with machine.connect() as connection:
        return Execution(connection, made, secrets=secrets, listen=listen).apply()


def tasks(folder: Path, text: str, name: str = "made") -> Script:
    """A playbook with these tasks and no variables."""
    return script(folder, HEAD + text, name=name)


class Applying(threading.Thread):
    """An application that goes on in the background; `began` is set when a task with `name` begins."""

    def __init__(self, machine: Machine, made: Script, name: str = "Wait") -> None:
        super().__init__(daemon=True)
        self.machine, self.made, self.awaited = machine, made, name
        self.began = threading.Event()
        self.events: list[Event] = []
        self.report: Report | None = None
        self.error: BaseException | None = None
        self.connection = machine.connect()

    def run(self) -> None:
        try:
            with self.connection:
                self.report = Execution(self.connection, self.made, listen=self.listen).apply()
        except BaseException as problem:
            self.error = problem

    def listen(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, TaskBegan) and event.name == self.awaited:
            self.began.set()

    def until_it_waits(self) -> "Applying":
        self.start()
        assert self.began.wait(60), self.error
        return self

    def result(self) -> Report:
        """The report, once it is there."""
        self.join(200)
        assert self.report is not None, self.error
        return self.report
