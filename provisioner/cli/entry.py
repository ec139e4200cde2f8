"""What the installed command starts: Ctrl-C ends it with its exit code also while it still loads."""

import sys
from typing import NoReturn


def run() -> NoReturn:
    """The command line; never returns."""
    try:
        from provisioner.cli.main import run as command

        command()
    except KeyboardInterrupt:
        # Nothing of ours may be there yet to take the number from.
        sys.exit(130)


if __name__ == "__main__":
    run()
