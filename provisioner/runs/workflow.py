"""What is done for customers, each as a named list of steps. No step knows another."""

from dataclasses import dataclass, replace

from provisioner.customers.lifecycle import Status
from provisioner.customers.record import Customer
from provisioner.errors import InputError
from provisioner.health.mending import WORKING
from provisioner.step import Step
from provisioner.steps.backup import TakeBackup
from provisioner.steps.droplet.step import CreateDroplet
from provisioner.steps.handoff import Handoff
from provisioner.steps.handover.access import CustomersKey, Lock
from provisioner.steps.handover.leaving_nothing import Clean, Forget, Tell
from provisioner.steps.handover.secrets import ReplaceBotToken, ReplaceGatewayToken, ReplaceModelKey
from provisioner.steps.leaving.assistant import FinalBackup, StartAgain, StopAssistant
from provisioner.steps.leaving.droplet import Archive, DestroyDroplet, Leftovers
from provisioner.steps.leaving.model_key import DeleteModelKey, StopModelKey
from provisioner.steps.mend import Mend
from provisioner.steps.messaging import Messaging
from provisioner.steps.model_budget import WatchModelKey
from provisioner.steps.moltbot import Apply, Moltbot
from provisioner.steps.moving.server import NewServer, PrepareServer
from provisioner.steps.moving.step import DOING as MOVING
from provisioner.steps.moving.switch import Arrived, DestroyOld, GiveUp, PackUp, SwitchServer
from provisioner.steps.pausing import PauseAssistant, Resume
from provisioner.steps.payment_reminder import RemindOfPayment
from provisioner.steps.resizing import DOING as RESIZING
from provisioner.steps.resizing import ChangeSize, SwitchOff, SwitchOn
from provisioner.steps.restore import CloseRestore, RestoreBackup
from provisioner.steps.rotation.bot_token import RotateBotToken
from provisioner.steps.rotation.gateway_token import RotateGatewayToken
from provisioner.steps.rotation.model_key import RotateModelKey
from provisioner.steps.system_update import DOING as UPDATING
from provisioner.steps.system_update import InstallUpdates, Reboot, RequestSystemUpdate
from provisioner.steps.upgrading.steps import (
    BackUpFirst,
    CloseUpgrade,
    FindVersion,
    GoBack,
    PassGates,
    Prepare,
    RequestUpgrade,
    Switch,
)


@dataclass(frozen=True)
class Workflow:
    """Steps in their order, and the statuses of the customers for whom it may start."""

    name: str
    steps: tuple[Step, ...]
    allowed_statuses: tuple[Status, ...]
    doing: str = "begin the setup"
    """What could not be done where it may not start; it ends the sentence "could not …"."""
    of_archived: bool = False
    """Whether it goes on for a customer who is in the archive."""
    of_paused: bool = True
    """Whether it may start where the assistant is paused: not if it starts it."""
    of_upgraded: bool = True
    """Whether it may start in the middle of an upgrade: not if it starts or stops the assistant."""

    def until(self, last: str | None) -> "Workflow":
        """The same, but no further than this step; InputError if it has none of that name."""
        names = [step.name for step in self.steps]
        if last is None:
            return self
        if last not in names:
            hint = f"one of {', '.join(names)}"
            raise InputError(self.name, cause=f"there is no step {last!r}", hint=hint)
        return replace(self, steps=self.steps[: names.index(last) + 1])

    def undone(self, customer: Customer) -> tuple[Step, ...]:
        """The steps that are not done."""
        return tuple(step for step in self.steps if not step.done(customer))


PROVISION = Workflow(
    "provision",
    (CreateDroplet(), Moltbot(), Messaging(), Handoff()),
    allowed_statuses=("pending_setup", "in_progress", "active"),
    of_paused=False,
    of_upgraded=False,
)

APPLY = Workflow(
    "apply",
    (Apply(),),
    allowed_statuses=("in_progress", "active"),
    doing="bring the server up to date",
    of_paused=False,
    of_upgraded=False,
)

BACKUP = Workflow(
    "backup",
    (TakeBackup(),),
    allowed_statuses=("in_progress", "active", "cancelled"),
    doing="back the assistant up",
)

RESTORE = Workflow(
    "restore-backup",
    (RestoreBackup(), Moltbot(), Messaging(), Handoff(), CloseRestore()),
    allowed_statuses=("in_progress", "active"),
    doing="bring a backup back",
    of_paused=False,
    of_upgraded=False,
)
"""The setup goes over what was brought back: today's keys, playbooks and channel are on it then."""

CANCEL = Workflow(
    "cancel",
    (
        StartAgain(),
        StopAssistant(),
        StopModelKey(),
        FinalBackup(),
        DestroyDroplet(),
        DeleteModelKey(),
        Leftovers(),
        Archive(),
    ),
    allowed_statuses=("pending_setup", "in_progress", "active", "cancelled"),
    doing="have the customer leave",
    of_archived=True,
)
"""For who is leaving, as the record says, or is to stay after all; for all others there is nothing to do."""

PAUSE = Workflow(
    "pause",
    (Resume(), PauseAssistant()),
    allowed_statuses=("pending_setup", "in_progress", "active"),
    doing="pause the assistant",
    of_upgraded=False,
)
"""For who is paused, as the record says, or is to go on; for all others there is nothing to do."""

MOVE = Workflow(
    "move",
    (
        GiveUp(),
        NewServer(),
        PrepareServer(),
        PackUp(),
        SwitchServer(),
        RestoreBackup(),
        Moltbot(),
        Messaging(),
        Handoff(),
        Arrived(),
        DestroyOld(),
    ),
    allowed_statuses=("in_progress", "active", "handed_over"),
    doing=MOVING,
    of_paused=False,
    of_upgraded=False,
)
"""For who is to be in another region, as the record says; for all others there is nothing to do.

What happens on the new server is a setup that begins with a backup. Of who was handed over since, only the
old server is still to go.
"""

RESIZE = Workflow(
    "resize",
    (SwitchOff(), ChangeSize(), SwitchOn()),
    allowed_statuses=("in_progress", "active"),
    doing=RESIZING,
    of_upgraded=False,
)
"""For who is to have another size, as the record says; for all others there is nothing to do."""


UPGRADE = Workflow(
    "upgrade",
    (FindVersion(), BackUpFirst(), Prepare(), Switch(), PassGates(), GoBack(), CloseUpgrade()),
    allowed_statuses=("in_progress", "active"),
    doing="upgrade the assistant",
)
"""For who has an upgrade under way, as the record says; for all others there is nothing to do."""


def upgrade_to(version: str, *, older: bool = False) -> Workflow:
    """The same, which first asks for this version; for who has the upgrade under way it goes on.

    With `older` the version may be older than the one that runs. It gets the state as it is and has to pass
    the gates with it; if it does not, the newer one comes back.
    """
    return replace(UPGRADE, steps=(RequestUpgrade(version, older=older), *UPGRADE.steps))


UPDATE_SYSTEM = Workflow(
    "upgrade --security-only",
    (InstallUpdates(), Reboot()),
    allowed_statuses=("in_progress", "active"),
    doing=UPDATING,
    of_upgraded=False,
)
"""For whose server's system is to be updated, as the record says; for all others there is nothing to do."""


def update_system(*, at_once: bool) -> Workflow:
    """The same, which first asks for it; `at_once`: a reboot that is needed waits for no hour."""
    return replace(UPDATE_SYSTEM, steps=(RequestSystemUpdate(at_once=at_once), *UPDATE_SYSTEM.steps))


REMIND = Workflow(
    "remind",
    (RemindOfPayment(),),
    allowed_statuses=("pending_setup", "in_progress", "active"),
    doing="remind the customer of a payment",
)

ROTATE_GATEWAY_TOKEN = Workflow(
    "rotate gateway-token",
    (RotateGatewayToken(),),
    allowed_statuses=("in_progress", "active"),
    doing="replace the gateway's token",
    of_paused=False,
    of_upgraded=False,
)

ROTATE_BOT_TOKEN = Workflow(
    "rotate bot-token",
    (RotateBotToken(),),
    allowed_statuses=("in_progress", "active"),
    doing="replace the bot's token",
    of_paused=False,
    of_upgraded=False,
)
ROTATE_MODEL_KEY = Workflow(
    "rotate model-key",
    (RotateModelKey(),),
    allowed_statuses=("in_progress", "active"),
    doing="replace the key for the model",
    of_paused=False,
    of_upgraded=False,
)
"""These for whose secret is to be replaced, as the record says; for all others there is nothing to do."""

MEND = Workflow(
    "mend",
    (Mend(),),
    allowed_statuses=WORKING,
    doing="mend the server",
    of_upgraded=False,
)
"""For whose server the record says that something is to be mended; for all others there is nothing to do."""

MODEL_KEY = Workflow(
    "model-key",
    (WatchModelKey(),),
    allowed_statuses=("pending_setup", "in_progress", "active", "cancelled"),
    doing="look at the key for the model",
)
"""For who has a key of their own; for all others there is nothing to do."""

HANDOVER = Workflow(
    "handover",
    (
        CustomersKey(),
        ReplaceBotToken(),
        ReplaceGatewayToken(),
        ReplaceModelKey(),
        Clean(),
        Forget(),
        Lock(),
        Tell(),
    ),
    allowed_statuses=("active", "handed_over"),
    doing="hand the server over",
    of_upgraded=False,
)
"""For whose server is being handed over, as the record says; for all others there is nothing to do."""
