"""The gateway on a customer's server: stopped so that no boot starts it, and started again until it is up."""

from provisioner.backups.scripts import as_user
from provisioner.failpoints import failpoint
from provisioner.step import Work

_UNIT = "openclaw-gateway.service"
_STOP = as_user(f"systemctl --user disable --now {_UNIT}")
_START = as_user(f"systemctl --user enable --now {_UNIT}")
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
    work.say("starting the assistant")
    failpoint("before the assistant is started")
    work.server.run(_START, timeout=_STOP_SECONDS)
    work.server.run(_WAIT, timeout=_START_SECONDS)
    failpoint("after the assistant is started")
