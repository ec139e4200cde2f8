"""Waiting for the sandbox's world to change, from event loops and from threads alike."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Wakes whoever waits; each waiter looks for itself whether what it waits for is there.

    `look` returns None for "not yet"; what else it returns, or raises, ends the wait. The methods return
    None when `seconds` have passed. Nothing is held while `look` runs, so it may take the world's lock.
    """

    def __init__(self) -> None:
        self._wakers: set[Callable[[], None]] = set()
        self._lock = threading.Lock()

    def announce(self) -> None:
        """Something changed: everybody looks again."""
        with self._lock:
            wakers = tuple(self._wakers)
        for wake in wakers:
            wake()

    async def until(self, look: Callable[[], T | None], seconds: float) -> T | None:
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        deadline = loop.time() + seconds
        with self._woken_by(lambda: _wake(loop, woken)):
            while (found := look()) is None:
                try:
                    async with asyncio.timeout_at(deadline):
                        await woken.wait()
                except TimeoutError:
                    return look()
                woken.clear()
            return found

    def wait(self, look: Callable[[], T | None], seconds: float) -> T | None:
        """As `until`, for a thread."""
        woken = threading.Event()
        deadline = time.monotonic() + seconds
        with self._woken_by(woken.set):
            while (found := look()) is None:
                if not woken.wait(max(0.0, deadline - time.monotonic())):
                    return look()
                woken.clear()
            return found

    @contextmanager
    def _woken_by(self, wake: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._wakers.add(wake)
        try:
            yield
        finally:
            with self._lock:
                self._wakers.discard(wake)


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(woken.set)
    except RuntimeError:
        # The loop was closed between our copy of the wakers and this call: nobody waits there any more.
        return
