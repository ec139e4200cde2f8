"""The system's own ssh, bound to the same keys as we are."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from provisioner.ssh.connection import Host


@contextmanager
def openssh_command(
    host: Host,
    key: Path,
    command: Sequence[str] = (),
    *,
    forwards: Sequence[str] = (),
    terminal: bool = False,
) -> Iterator[list[str]]:
    """The argument list that opens `host` with the system's ssh: its pinned keys, our key, nobody's settings.

    `command` is run there instead of a login shell, with a terminal of its own if `terminal`; `forwards` are
    `-L` tunnels ("18789:127.0.0.1:18789").
    The known hosts lie in a folder that goes with the block; the key stays where it is, as a copy would be
    left behind by whoever is killed.
    """
    with tempfile.TemporaryDirectory(prefix="provisioner-ssh-") as folder:
        known = Path(folder, "known_hosts")
        known.write_text("".join(f"server {line}\n" for line in host.host_keys))
        tunnels = [word for forward in forwards for word in ("-L", forward)]
        yield [
            "ssh",
            *_options(known, key),
            *tunnels,
            *(["-t"] if terminal else []),
            "-p",
            str(host.port),
            f"{host.user}@{host.address}",
            *command,
        ]


def _options(known: Path, key: Path) -> list[str]:
    options = {
        "HostKeyAlias": "server",
        "UserKnownHostsFile": str(known),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "HostKeyAlgorithms": "ssh-ed25519",
        # ssh would take a blank for the end of it, and a % for the beginning of one of its own words.
        "IdentityFile": '"{}"'.format(str(key.resolve()).replace("%", "%%")),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ServerAliveInterval": "15",
        "ExitOnForwardFailure": "yes",
    }
    return ["-F", "none", *(word for item in options.items() for word in ("-o", "=".join(item)))]
