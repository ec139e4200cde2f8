"""What stands between a login and our command: whatever the server's login files say first.

sshd hands a command to root's login shell, which may read files that print (Debian's bash reads `~/.bashrc`
for commands over SSH), or that end it before ours begins. So every command begins by printing a mark that
nobody can know beforehand, on both streams: what comes before it is the login's, and without it nothing ran.
"""

import os
import re
import shlex
import time
from collections.abc import Sequence

from provisioner.errors import RemoteError

_KEPT_WORDS = 2000
_SHOWN_WORDS = 400
# As PAM and sshd say it.
_EXPIRED = re.compile(r"password has expired|required to change your password", re.IGNORECASE)
_SET_PASSWORD = (
    "root's password has expired: set one in the droplet's console, or run there "
    "chage -d $(date +%F) root; then run the same command again"
)


class NothingRan(RemoteError):
    """The server let us in and ended the session before our command began; `cause` is what it said."""


class PasswordExpired(NothingRan):
    """It runs nothing until somebody has set root's password: trying again does not help."""


class Tries:
    """Tries at one thing that fail in a row, with pauses that get longer, up to an end.

    It is over when nothing has worked for `seconds` and `least` tries, or for `most` tries; at once where a
    person has to do something first.
    """

    def __init__(self, seconds: float, *, least: int = 1, most: int = 60, longest_pause: float = 15) -> None:
        self._seconds, self._least, self._most = seconds, least, most
        self._longest_pause = longest_pause
        self.worked()

    def worked(self) -> None:
        """Something has worked: the tries before do not count any more."""
        self._failed, self._since, self._pause = 0, time.monotonic(), 0.5

    def again(self, problem: Exception) -> None:
        """Pause before the next try; raises `problem` if there should be none."""
        self._failed += 1
        in_vain = time.monotonic() - self._since >= self._seconds and self._failed >= self._least
        if in_vain or self._failed >= self._most or isinstance(problem, PasswordExpired):
            raise problem
        time.sleep(self._pause)
        self._pause = min(self._pause * 2, self._longest_pause)


class Gate:
    """One stream of a command: holds back what comes before the mark, and keeps its last words."""

    def __init__(self, mark: str) -> None:
        self._line = f"\n{mark}\n".encode()
        self._before = bytearray()
        self.open = False

    def feed(self, data: bytes) -> bytes:
        """What of it is the command's own."""
        if self.open or not data:
            return data
        self._before += data
        before, line, after = bytes(self._before).partition(self._line)
        self.open = bool(line)
        self._before = bytearray(before[-_KEPT_WORDS:] if line else before[-_KEPT_WORDS - len(self._line) :])
        return after

    @property
    def words(self) -> str:
        """What the login said, its end if it was long."""
        return bytes(self._before).decode("utf-8", "replace")


def new_mark() -> str:
    """A line that no login file can print."""
    return f"provisioner-{os.urandom(12).hex()}"


def marked(text: str, words: Sequence[str], mark: str, *, timeout: float | None = None) -> str:
    """What to ask sshd for, so that this text runs in bash, without startup files, behind its mark.

    `words` are its arguments; after `timeout` seconds it is killed.
    """
    announced = f"printf '\\n%s\\n' {mark}; printf '\\n%s\\n' {mark} >&2\n{text}"
    limit = f"timeout --kill-after=5 {timeout:g} " if timeout is not None else ""
    arguments = shlex.join([announced, "provisioner", *words])
    return f"exec {limit}bash --noprofile --norc -c {arguments}"


def nothing_ran(whom: str, said: str, code: int | None) -> NothingRan:
    """The error for a session that ended before its mark; `said` on either stream, with this exit code."""
    words = " ".join(said.split())
    shown = f"…{words[-_SHOWN_WORDS:]}" if len(words) > _SHOWN_WORDS else words
    ended = "it lets us in and runs nothing" + (f" (exit code {code})" if code is not None else "")
    if _EXPIRED.search(words):
        return PasswordExpired("run a command", whom=whom, cause=f"{ended}: {shown}", hint=_SET_PASSWORD)
    return NothingRan(
        "run a command",
        whom=whom,
        cause=f"{ended}: {shown}" if shown else ended,
        hint="see in the droplet's console what root's login does there, then run the same command again",
        retry=True,
    )
