"""What goes wrong with a backup, beside what any server or disk does."""

from provisioner.errors import ProvisionerError


class BackupError(ProvisionerError):
    """A backup is not what it should be, or cannot be kept; those that were there stay as they are."""
