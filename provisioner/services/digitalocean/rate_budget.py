"""How many requests a token may still send: counted before each one, by all of a workspace's processes.

DigitalOcean allows 250 requests in any minute and 5000 in any hour. The minute is counted here, in a small
file that every process locks for the moment of a look; the hour, and requests of programs that do not count
here, are told by the API's own headers.

Moments are those of the machine's monotonic clock, which all its processes share: a wall clock that is set
forward would forget what was sent, and one that is set back would hold everybody up.
"""

import hashlib
import os
import random
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.filesystem.flock import take
from provisioner.services.digitalocean.errors import RateLimit

MINUTE_SECONDS = 61.0
"""A second more than the API counts: requests may arrive closer together than they were sent."""
_LONGEST_CLOSURE_SECONDS = 3600.0
_JITTER_SECONDS = 0.2


class RateBudget:
    """One token's requests, at most `a_minute` in any minute."""

    def __init__(self, folder: Path, token: str, endpoint: str, *, a_minute: int = 240) -> None:
        """`folder` is made when it is first needed; the token is in it only as a hash."""
        name = hashlib.sha256(f"{endpoint} {token}".encode()).hexdigest()[:24]
        self._path = folder / name
        self._a_minute = a_minute

    def take(self, patience: float, clock: Clock = SYSTEM_CLOCK) -> float:
        """Wait until a request may be sent, and count it; 0.

        If that would take longer than `patience` seconds, nothing is counted and the seconds are returned.
        """
        deadline = clock.monotonic() + patience
        while True:
            wait = self._try(clock)
            if wait == 0 or clock.monotonic() + wait > deadline:
                return wait
            # Not all at the same moment.
            clock.sleep(wait + random.uniform(0, _JITTER_SECONDS))

    def close_for(self, seconds: float, clock: Clock = SYSTEM_CLOCK) -> None:
        """Nobody sends anything for so long: the API said so."""
        with self._held() as ledger:
            now = clock.monotonic()
            ledger.closed_until = max(ledger.closed_until, now + min(seconds, _LONGEST_CLOSURE_SECONDS))

    def heard(self, limit: RateLimit | None, until_reset: float, clock: Clock = SYSTEM_CLOCK) -> None:
        """What an answer says of the hour; `until_reset` is in seconds."""
        if limit is not None and limit.remaining <= 0:
            self.close_for(max(1.0, until_reset), clock)

    def _try(self, clock: Clock) -> float:
        with self._held() as ledger:
            now = clock.monotonic()
            ledger.forget(now)
            wait = ledger.wait(now, self._a_minute)
            if wait == 0:
                ledger.sent.append(now)
            return wait

    @contextmanager
    def _held(self) -> Iterator["_Ledger"]:
        """The ledger, under its lock; an empty one that is not kept if the disk does not take it."""
        try:
            handle = self._open()
        except OSError:
            yield _Ledger(b"")
            return
        try:
            take(handle)
            ledger = _Ledger(os.pread(handle, 1 << 20, 0))
            yield ledger
            _write(handle, ledger.as_bytes())
        finally:
            os.close(handle)

    def _open(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class _Ledger:
    """Moments since this machine's start: until when nothing may be sent, and when something was."""

    def __init__(self, raw: bytes) -> None:
        numbers = array("d", raw[: len(raw) // 8 * 8])
        if not numbers or numbers[0] != _this_start():
            numbers = array("d", [0.0, 0.0])
        self.closed_until = numbers[1] if len(numbers) > 1 else 0.0
        self.sent = list(numbers[2:])

    def as_bytes(self) -> bytes:
        return array("d", [_this_start(), self.closed_until, *self.sent]).tobytes()

    def forget(self, now: float) -> None:
        """What is over; and what is to come, which a clock that began anew has left."""
        self.sent = [moment for moment in self.sent if now - MINUTE_SECONDS < moment <= now]
        if self.closed_until > now + _LONGEST_CLOSURE_SECONDS:
            self.closed_until = 0.0

    def wait(self, now: float, a_minute: int) -> float:
        waits = [self.closed_until - now]
        if len(self.sent) >= a_minute:
            waits.append(sorted(self.sent)[-a_minute] + MINUTE_SECONDS - now)
        return max(0.0, *waits)


@cache
def _this_start() -> float:
    """A number for this start of the machine, in which the monotonic clock counts on; 0 where it has none."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        return 0.0
    return float(int.from_bytes(hashlib.sha256(name).digest()[:6]))


def _write(handle: int, raw: bytes) -> None:
    try:
        os.pwrite(handle, raw, 0)
        os.ftruncate(handle, len(raw))
    except OSError:
        # A full disk is for the records to report; the API's own answers still hold us back.
        return
