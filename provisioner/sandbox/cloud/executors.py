"""Work on machines: in order for each machine, side by side for different ones."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)


class MachineExecutors:
    """One thread per machine that has work; closing waits for what is running and drops the rest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executors: dict[int, ThreadPoolExecutor] = {}
        self._closing = threading.Event()

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    def submit(self, machine: int, job: Callable[[], None]) -> None:
        with self._lock:
            if self.closing:
                return
            executor = self._executors.get(machine)
            if executor is None:
                executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"machine-{machine}")
                self._executors[machine] = executor
            executor.submit(_logged, job)

    def end(self, machine: int, last_job: Callable[[], None]) -> None:
        """Run a machine's last job after all that waits; its thread ends then."""

        def finish() -> None:
            _logged(last_job)
            with self._lock:
                executor = self._executors.pop(machine, None)
            if executor is not None:
                executor.shutdown(wait=False)

        self.submit(machine, finish)

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until closing."""
        if seconds > 0:
            self._closing.wait(seconds)

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            executors = list(self._executors.values())
        for executor in executors:
            executor.shutdown(wait=True, cancel_futures=True)


def _logged(job: Callable[[], None]) -> None:
    try:
        job()
    except Exception:
        log.exception("work on a machine failed")
