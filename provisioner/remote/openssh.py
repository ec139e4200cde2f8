"""The system's own ssh, bound to the same keys as we are."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from provisioner.remote.ssh import Host


@contextmanager
def openssh_command(
    host: Host, command: Sequence[str] = (), *, forwards: Sequence[str] = ()
) -> Iterator[list[str]]:
    """The argument list that opens `host` with the system's ssh: its pinned keys, our key, nobody's settings.

    `command` is run there instead of a login shell; `forwards` are `-L` tunnels ("18789:127.0.0.1:18789").
    The key and the known hosts lie in a folder of mode 0700 that goes with the block.
    """
    with tempfile.TemporaryDirectory(prefix="provisioner-ssh-") as folder:
        known, key = Path(folder, "known_hosts"), Path(folder, "key")
        _private(known, "".join(f"server {line}\n" for line in host.host_keys))
        _private(key, host.key)
        tunnels = [word for forward in forwards for word in ("-L", forward)]
        yield [
            "ssh",
            *_options(known, key),
            *tunnels,
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
        "IdentityFile": str(key),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ServerAliveInterval": "15",
        "ExitOnForwardFailure": "yes",
    }
    return ["-F", "none", *(word for item in options.items() for word in ("-o", "=".join(item)))]


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
