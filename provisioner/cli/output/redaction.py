"""The redactor for what a command prints when something went wrong."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.secrets import Redactor


def known_redactor(*, records: bool = True) -> "Redactor":
    """Knows the secrets of the environment and of the current workspace, if there is one."""
    from provisioner.cli.context import current_workspace
    from provisioner.customers.known_secrets import known_redactor as known
    from provisioner.errors import ProvisionerError

    try:
        root = current_workspace().root
    except (ProvisionerError, OSError):
        root = None
    return known(root, records=records)


def redactor_for(whom: str) -> "Redactor":
    """For what the run of this customer printed: only their own record is read.

    Another customer's secrets are not on their server, and many runs may fail at the same time.
    """
    from provisioner.cli.context import current_workspace
    from provisioner.errors import ProvisionerError
    from provisioner.secrets import secrets_in

    try:
        record = current_workspace().store().read(whom)
    except (ProvisionerError, OSError):
        return known_redactor()
    redact = known_redactor(records=False)
    redact.learn(*secrets_in(record.data))
    return redact
