"""A gateway on a pretended server: it knows the token that it was started with, and answers to no other."""

from dataclasses import dataclass
from pathlib import Path

from provisioner.workspace import shipped
from tests.backups.assistants import Assistant

_READ = "sed --quiet 's/^OPENCLAW_GATEWAY_TOKEN=//p' ~/.openclaw/.env"
_PROGRAMS = {
    "openclaw-gateway": f"""#!/bin/bash
case $1 in
restart) {_READ} > ~/running; echo started >> ~/starts ;;
wait) echo 2026.9.6 ;;
esac
""",
    "curl": """#!/bin/bash
for word; do [[ $word != @/* ]] || given=$(< "${word#@}"); done
[[ $given == "Authorization: Bearer $(< ~/running)" ]] && printf 200 || printf 401
""",
}


@dataclass
class Gateway:
    """What it runs with, and how often it was started."""

    home: Path

    @property
    def running(self) -> str:
        return (self.home / "running").read_text().strip()

    @property
    def written(self) -> str:
        """The token that it will have after its next start."""
        line = (self.home / ".openclaw" / ".env").read_text().strip()
        return line.removeprefix("OPENCLAW_GATEWAY_TOKEN=")

    @property
    def starts(self) -> int:
        path = self.home / "starts"
        return len(path.read_text().splitlines()) if path.exists() else 0

    @property
    def kept(self) -> list[str]:
        """The files with tokens that were aside."""
        return sorted(path.name for path in (self.home / ".openclaw").glob(".gateway-token*"))


def gateway_on(assistant: Assistant, token: str) -> Gateway:
    """One that runs with this token."""
    home = assistant.home
    for name, text in _PROGRAMS.items():
        (home / "bin" / name).write_text(text)
        (home / "bin" / name).chmod(0o755)
    secret = home / "bin" / "openclaw-secret"
    secret.write_text(shipped("playbooks/openclaw/files/openclaw-secret").read_text())
    secret.chmod(0o755)
    (home / ".openclaw" / ".env").write_text(f"OPENCLAW_GATEWAY_TOKEN={token}\n")
    (home / "running").write_text(f"{token}\n")
    return Gateway(home)
