"""What goes into an image, and the digest of it by which a stale one is told from a fresh one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from provisioner.errors import PlaybookError
from provisioner.playbook.load import playbook_folder
from provisioner.settings import BASE_IMAGE, Settings

PLAYBOOKS = ("server", "openclaw")
"""What is the same for all customers, in this order. They get no secret."""
SCRIPTS = ("warm.bash", "refresh.bash", "clean.bash")
"""What runs on the builder after them, beside this file."""
_LAYOUT = "1"
"""Another number makes every image stale."""
_DIGITS = 12
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """The base image's slug, the variables of each playbook, and the digest of it all."""

    base: str
    variables: Mapping[str, Mapping[str, object]]
    digest: str


def read_recipe(settings: Settings, search: Sequence[Path] = ()) -> Recipe:
    """What an image would be made of now; `search` are folders whose playbooks go before the shipped ones.

    PlaybookError if a playbook is not there or cannot be read.
    """
    variables = playbook_variables(settings)
    texts = {name: texts_of(playbook_folder(name, search)) for name in PLAYBOOKS}
    scripts = {name: server_script(name).encode() for name in SCRIPTS}
    return Recipe(BASE_IMAGE, variables, digest_of(BASE_IMAGE, variables, {**texts, "scripts": scripts}))


def digest_of(
    base: str,
    variables: Mapping[str, Mapping[str, object]],
    texts: Mapping[str, Mapping[str, bytes]],
) -> str:
    """The same for two images that would be the same; from where Node is fetched changes nothing."""
    counted = {
        name: {key: value for key, value in values.items() if key != "node_mirror"}
        for name, values in variables.items()
    }
    files = {
        part: {name: sha256(text).hexdigest() for name, text in contents.items()}
        for part, contents in texts.items()
    }
    whole = json.dumps([_LAYOUT, base, counted, files], sort_keys=True)
    return sha256(whole.encode()).hexdigest()[:_DIGITS]


def playbook_variables(settings: Settings) -> dict[str, dict[str, object]]:
    """Those of each of the playbooks, in the order in which they are applied."""
    return {"server": server_variables(settings), "openclaw": program_variables(settings)}


def server_variables(settings: Settings) -> dict[str, object]:
    """Those of the playbook `server`."""
    return {"ssh_port": settings.ssh.port, "reboot_at": settings.droplet.reboot_at}


def program_variables(settings: Settings) -> dict[str, object]:
    """Those of the playbook `openclaw`."""
    return {
        "moltbot_version": settings.moltbot.version,
        "node_version": settings.moltbot.node,
        "node_mirror": settings.node_mirror,
        "node_sha256": settings.moltbot.node_sha256,
    }


def server_script(name: str) -> str:
    """A program that runs on the machine that an image is built on, as it is shipped beside this file."""
    return (_HERE / "remote" / name).read_text("utf-8")


def texts_of(folder: Path) -> dict[str, bytes]:
    """Every file of a playbook, by its path in there; PlaybookError if one cannot be read."""
    try:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
    except OSError as problem:
        raise PlaybookError("use the playbook", whom=folder.name, cause=problem) from None
