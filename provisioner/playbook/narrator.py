"""What a run does, said in one short line a task."""

from collections.abc import Callable

from provisioner.playbook.journal import Event, LinkLost, OtherRun, RunBegan, TaskBegan


class Narrator:
    """Listens to the run of one playbook."""

    def __init__(self, playbook: str, say: Callable[[str], None]) -> None:
        self._playbook = playbook
        self._say = say
        self._total = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunBegan):
            self._total = event.tasks
            if event.attached:
                self._say(f"{self._playbook}: following the run that goes on there")
        elif isinstance(event, OtherRun):
            self._say(f"{self._playbook}: waiting for {event.playbook}, which is still being applied there")
        elif isinstance(event, TaskBegan):
            self._say(f"{self._playbook}: {event.name} ({event.number}/{self._total})")
        elif isinstance(event, LinkLost):
            self._say(f"the connection is lost, making it again: {event.cause}")
