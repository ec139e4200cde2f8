"""Another SSH key for the operator: on every server, then in the workspace, then alone.

Killed anywhere, every server takes the key in use, and the same call goes on. A server that does not answer
keeps the others from nothing but the end: until it has the new key the workspace goes on with the old one,
and until it refuses the old one that is not deleted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.customers.record import Customer
from provisioner.customers.store import Listing
from provisioner.errors import InputError
from provisioner.filesystem.locks import locked
from provisioner.pool.fill import pool_members
from provisioner.printable import command
from provisioner.runs.fleet import JobResult
from provisioner.runs.workflow import Workflow
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.settings import Settings
from provisioner.ssh.operator_keys import OperatorKeys
from provisioner.step import Step
from provisioner.steps.rotation.ssh_key import LetNewKeyIn, ShutOldKeyOut
from provisioner.workspace import Workspace

DOING = "replace the operator's SSH key"
_WORKFLOW = Workflow(
    "rotate ssh-key",
    (),
    allowed_statuses=("pending_setup", "in_progress", "active", "cancelled"),
    doing=DOING,
    of_archived=True,
)

Run = Callable[[Sequence[str], Workflow], Sequence[JobResult]]
"""Takes these customers through a workflow."""


@dataclass(frozen=True)
class Turned:
    """How far it is.

    `new_in_use` is whether the workspace uses the new key, `over` whether the old one is gone; `broken` are
    the records that cannot be read: each may be of a server.
    """

    results: tuple[JobResult, ...]
    new_in_use: bool
    over: bool
    broken: tuple[Listing[Customer], ...] = ()


def replace_operator_key(workspace: Workspace, settings: Settings, cloud: DigitalOcean, run: Run) -> Turned:
    """Do it, or go on with it, as far as it goes now.

    InputError where the key is not the workspace's own, or servers of the pool have none but the old one;
    BusyError while another process is at it.
    """
    keys = OperatorKeys(_own_key(workspace, settings))
    with locked(workspace.locks_dir / "ssh-key.lock", DOING, "the workspace", 0):
        results: list[JobResult] = []
        if keys.old is None or keys.next is not None:
            new, in_use = keys.prepare(), keys.current
            # From here on whatever is made takes both.
            _demand_no_pool(workspace)
            step: Step = LetNewKeyIn(new, in_use)
            results += _run_for(workspace, step, run)
            left, broken = _left(workspace, step)
            if left or broken:
                return Turned(tuple(results), new_in_use=False, over=False, broken=broken)
            keys.change()
        keys.write_public()
        old = keys.old
        assert old is not None, "it was kept when the new one took its place"
        step = ShutOldKeyOut(old, keys.current)
        results += _run_for(workspace, step, run)
        left, broken = _left(workspace, step)
        if left or broken:
            return Turned(tuple(results), new_in_use=True, over=False, broken=broken)
        cloud.delete_ssh_key(old.public)
        keys.forget_old()
    return Turned(tuple(results), new_in_use=True, over=True)


def _run_for(workspace: Workspace, step: Step, run: Run) -> Sequence[JobResult]:
    """Run the step for everybody for whom it is not done."""
    left, _ = _left(workspace, step)
    return run(left, replace(_WORKFLOW, steps=(step,))) if left else []


def _left(workspace: Workspace, step: Step) -> tuple[tuple[str, ...], tuple[Listing[Customer], ...]]:
    """The addresses of those for whom it is not done, and the records that cannot tell."""
    listings = list(_everywhere(workspace))
    left = [one.customer.email for one in listings if one.customer and not step.done(one.customer)]
    return tuple(left), tuple(one for one in listings if one.customer is None)


def _everywhere(workspace: Workspace) -> Iterator[Listing[Customer]]:
    store = workspace.store()
    yield from store.all()
    yield from store.all(archived=True)


def _own_key(workspace: Workspace, settings: Settings) -> Path:
    """The path of the workspace's own key; one elsewhere may be a person's, for other things too."""
    path = settings.ssh.key
    own = workspace.ssh_dir / "id_ed25519"
    if path is None or path.absolute() != own.absolute():
        cause = f"[ssh] key names {path}, which is not this workspace's alone"
        hint = f"only {own} is replaced; another way in by hand: docs/rotating.md"
        raise InputError(DOING, cause=cause, hint=hint)
    return path


def _demand_no_pool(workspace: Workspace) -> None:
    if pool_members(workspace).all():
        hint = f"destroy them first: {command('pool drain')}; pool fill makes others afterwards"
        raise InputError(DOING, cause="servers of the pool know the old key only", hint=hint)
