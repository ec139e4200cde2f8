"""A customer whose software may be replaced: a real sshd and shell, a pretended npm and gateway."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.customers.record import Customer
from provisioner.runs.runner import RunResult
from provisioner.runs.workflow import UPGRADE, Workflow, upgrade_to
from provisioner.services.factory import Services
from tests.backups.assistants import OPENCLAW, SAID, Assistant, Site, site
from tests.steps.support import FastClock

OLD, NEW = "2026.9.5", "2026.9.6"

# Each start is noted with the version that it runs, and writes into the state as a migration does.
_SYSTEMCTL = r"""#!/bin/bash
echo "systemctl $*" >> "$HOME/called"
[[ ! -e $HOME/failing ]] || { cat "$HOME/failing" >&2; exit 1; }
version() { jq --raw-output .version "$HOME/.npm-global/lib/node_modules/openclaw/package.json"; }
case " $* " in
*" disable "* | *" stop "*) echo stopped > "$HOME/gateway" ;;
*" start "*) echo started > "$HOME/gateway" ;;
*" reboot "*)
	[[ ! -e $HOME/stays ]] || exit 0
	date +@%s%N > "$HOME/boot"
	rm --force "$HOME/reboot-required"
	echo started > "$HOME/gateway"
	;;
*UserspaceTimestamp*) cat "$HOME/boot" ;;
*" enable "*)
	[[ -d $HOME/.openclaw ]] || exit 1
	echo started > "$HOME/gateway"
	version > "$HOME/running"
	echo "$(version)" >> "$HOME/.openclaw/started"
	;;
esac
"""
_GATEWAY = r"""#!/bin/bash
[[ $(cat "$HOME/gateway") == started ]] || { echo "the gateway has not started" >&2; exit 1; }
fault=$(jq --raw-output --arg version "$(cat "$HOME/running")" '.[$version] // ""' "$HOME/faults")
[[ $fault != start && $fault != mendable ]] || { echo "SyntaxError: it was never tried" >&2; exit 1; }
cat "$HOME/running"
"""
_REPORT = r"""#!/bin/bash
running=$(cat "$HOME/running")
fault=$(jq --raw-output --arg version "$running" '.[$version] // ""' "$HOME/faults")
installed=$(jq --raw-output .version "$HOME/.npm-global/lib/node_modules/openclaw/package.json")
[[ $(cat "$HOME/gateway") == started ]] && up=true || up=false
[[ $fault == ready ]] && ready=false || ready=$up
[[ $fault == channel ]] && connected=false || connected=$up
[[ $fault == "says it is the old one" ]] && running=2026.9.5
printf '{"gateway": {"live": %s, "ready": %s, "failing": [], "version": "%s"},' $up $ready "$running"
printf '"channels": {"telegram": {"connected": %s, "state": null, "error": null}},' $connected
[[ -e $HOME/reboot-required ]] && reboot=true || reboot=false
printf '"installed": "%s", "reboot_required": %s}\n' "$installed" $reboot
"""
_RPC = r"""#!/bin/bash
fault=$(jq --raw-output --arg version "$(cat "$HOME/running")" '.[$version] // ""' "$HOME/faults")
[[ $fault == health ]] && errors='[{"message": "the memory plugin is broken"}]' || errors='[]'
printf '{"ok": true, "plugins": {"errors": %s}, "modelRuntime": {"degraded": false}}\n' "$errors"
"""
_ANSWERS = r"""#!/bin/bash
fault=$(jq --raw-output --arg version "$(cat "$HOME/running")" '.[$version] // ""' "$HOME/faults")
if [[ $fault == answer ]]; then
	echo '{"answers": false, "reason": "HTTP 500"}'
else
	echo '{"answers": true, "text": "READY"}'
fi
"""
_NPM = r"""#!/bin/bash
echo "npm $*" >> "$HOME/called"
if [[ -e $HOME/no-network ]]; then
	echo "npm error code ENOTFOUND" >&2
	echo '{"error": {"code": "ENOTFOUND"}}'
	exit 1
fi
version=${!#}
version=${version#openclaw@}
case $1 in
view)
	version=${3##*@}
	grep --quiet --line-regexp "$version" "$HOME/published" || { echo '{"error": {"code": "E404"}}'; exit 1; }
	printf '{"version": "%s", "engines.node": "%s"}\n' "$version" "$(cat "$HOME/needs")"
	;;
install)
	folder=$4/lib/node_modules/openclaw
	mkdir --parents "$folder" "$4/bin"
	ln --symbolic --force ../lib/node_modules/openclaw/openclaw.mjs "$4/bin/openclaw"
	printf '{"version": "%s"}' "$version" > "$folder/package.json"
	;;
esac
"""
# Its own doctor mends what "doctor" breaks; a plugin of a newer version lies beside the older one.
_MORE = r"""
case "$1 $2" in
"doctor --fix") [[ $(cat "$HOME/faults") != *mendable* ]] || echo "{}" > "$HOME/faults" ;;
"plugins update")
	version=${3##*@} name=${3%@*}
	folder=$HOME/.openclaw/npm/projects/new/node_modules/$name
	mkdir --parents "$folder"
	printf '{"name": "%s", "version": "%s"}' "$name" "$version" > "$folder/package.json"
	;;
esac
"""
_NODE = r"""#!/bin/bash
case $* in
--version) echo v24.19.0 ;;
*satisfies*) [[ $4 == "<24" ]] && echo false || echo true ;;
*"config validate"*)
	# What a newer version has written, an older one may refuse.
	version=$(jq --raw-output .version "$(dirname "$1")/package.json")
	if [[ $(jq --raw-output --arg version "$version" '.[$version] // ""' "$HOME/faults") == state ]]; then
		echo '{"error": {"message": "it uses newer schema version 18"}}'
		exit 1
	fi
	echo '{"valid": true}'
	;;
*) jq --raw-output .version "${!#}" ;;
esac
"""
_UPDATES = r"""#!/bin/bash
[[ ! -e $HOME/no-network ]] || exit 1
[[ ! -e $HOME/updates ]] || mv "$HOME/updates" "$HOME/packages"
"""
_PROGRAMS = {
    "apt-get": "#!/bin/bash\n[[ ! -e $HOME/no-network ]]\n",
    "dpkg-query": '#!/bin/bash\ncat "$HOME/packages"\n',
    "unattended-upgrade": _UPDATES,
    "systemctl": _SYSTEMCTL,
    "openclaw-gateway": _GATEWAY,
    "openclaw": OPENCLAW + _MORE,
    "openclaw-report": _REPORT,
    "openclaw-rpc": _RPC,
    "openclaw-answers": _ANSWERS,
    "npm": _NPM,
    "node": _NODE,
}


@dataclass
class Installation:
    """A server on which the old version has run for a while."""

    assistant: Assistant

    def __post_init__(self) -> None:
        for name, text in _PROGRAMS.items():
            path = self.home / "bin" / name
            path.write_text(text)
            path.chmod(0o755)
        self.place(OLD)
        (self.home / "needs").write_text(">=24.16.0")
        (self.home / "boot").write_text("@1\n")
        (self.home / "packages").write_text("linux 1\n")
        (self.home / "published").write_text(f"{OLD}\n{NEW}\n")
        self.mended()

    def place(self, version: str) -> None:
        """As its owner's own update does."""
        self.program.mkdir(parents=True, exist_ok=True)
        (self.program / "package.json").write_text(json.dumps({"version": version}))
        (self.home / "running").write_text(version)
        link = self.home / ".npm-global" / "bin" / "openclaw"
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to("../lib/node_modules/openclaw/openclaw.mjs")

    def breaks(self, version: str, how: str) -> None:
        """What that version does wrong: start, mendable, state, ready, channel, health, answer…"""
        (self.home / "faults").write_text(json.dumps({version: how}))

    def mended(self) -> None:
        (self.home / "faults").write_text("{}")

    @property
    def home(self) -> Path:
        return self.assistant.home

    @property
    def program(self) -> Path:
        return self.home / ".npm-global" / "lib" / "node_modules" / "openclaw"

    @property
    def installed(self) -> str:
        version = json.loads((self.program / "package.json").read_text())["version"]
        assert isinstance(version, str)
        return version

    @property
    def starts(self) -> list[str]:
        """The versions that were started on the state that is there now."""
        path = self.assistant.state / "started"
        return path.read_text().split() if path.exists() else []

    def demand(self, version: str) -> None:
        """This one runs, with what the assistant knew, and nothing was left."""
        assert (self.installed, self.assistant.gateway) == (version, "started")
        assert (self.home / "running").read_text().strip() == version
        assert self.assistant.memory.read_text() == SAID
        assert not (self.home / ".provisioner-upgrade").exists()
        assert (self.home / ".npm-global" / "bin" / "openclaw").is_symlink()


class Upgrader(Installation):
    """Ada, whose assistant that is."""

    def __init__(self, site: Site) -> None:
        self.site = site
        super().__init__(site.assistant)

    def run(self, version: str | None = NEW) -> RunResult:
        """As a new process; with None as the worker, which asks for nothing."""
        return self.site.run(upgrade_to(version) if version else UPGRADE)

    def apply(self, workflow: Workflow) -> RunResult:
        return self.site.run(workflow)

    @property
    def customer(self) -> Customer:
        return self.site.customer

    @property
    def events(self) -> list[str]:
        return [one for one in self.site.events if one.startswith(("upgrade", "version"))]

    def demand(self, version: str) -> None:
        """This one runs, as the record says too, and nothing is under way."""
        super().demand(version)
        assert self.customer.setup.upgrade is None
        assert self.customer.setup.moltbot.version == version
        assert (self.home / ".npm-global" / f".whole-{version}").exists()
        self.site.demand_whole()
        assert self.site.files, "a backup was taken for it"


@contextmanager
def upgrader(folder: Path, services: Services | None = None, **settings: Any) -> Iterator[Upgrader]:
    """Active, on droplet 1, with the old version."""
    with site(folder, services, **settings) as found:
        found.clock = FastClock()
        found.set(setup__moltbot__version=OLD, setup__moltbot__dropletId="1")
        yield Upgrader(found)
