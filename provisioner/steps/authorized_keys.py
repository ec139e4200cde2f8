"""Who may log in to a customer's server as root, by root's own file there."""

import shlex
from pathlib import Path

from provisioner.failpoints import failpoint
from provisioner.step import Work

_SCRIPT = (Path(__file__).parent / "remote" / "authorized-keys.bash").read_text("utf-8")
_SECONDS = 60.0


def let_in(work: Work, public: str, name: str) -> None:
    """Have the server take this public key, under this name in its file; done twice it changes nothing."""
    failpoint("before a key may log in")
    _run(work, "add", f"{public} {name}")
    failpoint("after a key may log in")


def shut_out(work: Work, public: str, kept: str) -> None:
    """Have it take this one no more; RemoteError if it does not take `kept`: nobody could get in then."""
    failpoint("before a key may not log in any more")
    _run(work, "remove", public, kept)
    failpoint("after a key may not log in any more")


def _run(work: Work, *words: str) -> None:
    work.server.run(shlex.join(["bash", "-c", _SCRIPT, "provisioner", *words]), timeout=_SECONDS)
