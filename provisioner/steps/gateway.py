"""The gateway on a customer's server: stopped so that no boot starts it, and started again until it is up."""

from pathlib import Path

from provisioner.backups.scripts import as_user
from provisioner.errors import CloudError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.step import Work

_UNIT = "openclaw-gateway.service"
_STOP = as_user(f"systemctl --user disable --now {_UNIT}")
# One that has failed too often would not be started again.
_START = as_user(f"systemctl --user reset-failed {_UNIT}; systemctl --user enable --now {_UNIT}")
# Not disabled: the next boot starts it.
_HALT = as_user(f"systemctl --user stop {_UNIT}")
# The session of its user comes up some seconds after sshd.
_START_AFTER_BOOT = as_user(
    f"until systemctl --user start {_UNIT}; do ((SECONDS < 60)) || exit; sleep 1; done"
)
_FIT = as_user((Path(__file__).parent / "remote" / "fit-gateway.bash").read_text("utf-8"))
_WAIT = "openclaw-gateway wait"
_STOP_SECONDS = 150.0
_START_SECONDS = 420.0


def stop_gateway(work: Work) -> None:
    """Stop it, also for the next boot; done twice it changes nothing. RemoteError if it cannot be."""
    work.say("stopping the assistant")
    failpoint("before the assistant is stopped")
    work.server.run(_STOP, timeout=_STOP_SECONDS)
    failpoint("after the assistant is stopped")


def start_gateway(work: Work) -> None:
    """Start it, also at each boot, and see it say that it has started. RemoteError if it does not."""
    launch_gateway(work)
    work.server.run(_WAIT, timeout=_START_SECONDS)
    failpoint("after the assistant is started")


def launch_gateway(work: Work) -> None:
    """Start it, also at each boot; whether it comes up is for the caller to see. RemoteError."""
    work.say("starting the assistant")
    failpoint("before the assistant is started")
    work.server.run(_START, timeout=_STOP_SECONDS)


def halt_gateway(work: Work) -> None:
    """Have it end what it does, before its server is switched off; the server's next boot starts it.

    A server that does not answer is switched off all the same: that is only said.
    """
    work.say("stopping the assistant")
    failpoint("before the assistant is halted")
    try:
        work.server.run(_HALT, timeout=_STOP_SECONDS)
    except (RemoteError, CloudError) as problem:
        work.say(f"the assistant could not be stopped: {problem.cause}")
    failpoint("after the assistant is halted")


def await_gateway(work: Work) -> None:
    """See it start with its server, or start it where it was only halted. RemoteError if it does not.

    It has the share of the memory that is there now.
    """
    work.say("waiting for the assistant")
    failpoint("before the assistant is awaited")
    work.server.run(_START_AFTER_BOOT, timeout=_STOP_SECONDS)
    work.server.run(_FIT, timeout=_STOP_SECONDS)
    work.server.run(_WAIT, timeout=_START_SECONDS)
    failpoint("after the assistant is awaited")
