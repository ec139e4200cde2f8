"""What an upgrade can end with beside what any server can."""

from provisioner.errors import RemoteError


class VersionRefused(RemoteError):
    """A version did not pass the gates; the one before it is back, with what it knew, and passes them."""
