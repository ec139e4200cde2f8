"""Something that is done again and again in a thread of its own, and at once when there is reason to."""

import threading
from collections.abc import Callable

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.errors import ProvisionerError

Say = Callable[[str], None]


class Repeated:
    """Calls `do` every so many seconds, and whenever it is woken; what it raises ends nothing.

    The same problem is said once, and that it is over.
    """

    def __init__(
        self, name: str, do: Callable[[], None], every: float, say: Say, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.name = name
        self._do = do
        self.every = every
        self._say = say
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._problem: str | None = None
        self._looked = clock.monotonic()
        # What it is at when the process ends is found again by the next one.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at once, or once more after the look that is under way."""
        self._wake.set()

    def ask_to_stop(self) -> None:
        """End after what is under way."""
        self._stopping.set()
        self._wake.set()

    def stop(self, seconds: float) -> bool:
        """The same; whether it has ended within so many seconds."""
        self.ask_to_stop()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def idle_seconds(self) -> float:
        """Since it last came back from a look."""
        return self._clock.monotonic() - self._looked

    @property
    def problem(self) -> str | None:
        """What the last look has met; None if all is well."""
        return self._problem

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            self._note(self._look())
            self._looked = self._clock.monotonic()
            self._wake.wait(self.every)

    def _look(self) -> str | None:
        try:
            self._do()
        except ProvisionerError as problem:
            return f"{problem.summary}; {problem.hint}" if problem.hint else problem.summary
        except Exception as bug:
            return f"a bug: {bug!r}"
        return None

    def _note(self, problem: str | None) -> None:
        # Who is to end is cut off from whom it speaks with: that is no problem.
        if problem != self._problem and not self.stopping:
            self._say(f"{self.name}: {problem or 'goes well again'}")
        self._problem = problem
