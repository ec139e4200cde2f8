"""The NoCloud seed: what a machine's first boot reads where a real droplet asks the metadata service.

The format is cloud-init's: https://docs.cloud-init.io/en/22.4.2/topics/datasources/nocloud.html
"""

from pathlib import Path
from typing import Final

import yaml

from provisioner.sandbox.machines.interface import MachineSpec

SEED_FOLDER: Final = "var/lib/cloud/seed/nocloud"
"""Where cloud-init of the image looks for its seed, below the root of the machine."""


def seed(spec: MachineSpec) -> dict[str, str]:
    """The seed's files and their text: the user data as the request had it, and who the machine is."""
    meta_data = {
        "instance-id": str(spec.id),
        "local-hostname": spec.name,
        "public-keys": list(spec.authorized_keys),
    }
    return {"meta-data": yaml.safe_dump(meta_data, sort_keys=False), "user-data": spec.user_data}


def write_seed(spec: MachineSpec, root: Path) -> None:
    """Put the seed below `root`, readable by root alone: user data carry a host key."""
    folder = root / SEED_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, text in seed(spec).items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text)
