"""The Debian mirrors that this machine is configured to use, read from its own apt sources.

Both formats of sources.list(5) are read. A mirror that is configured for another Debian release serves ours
as well, so the suites are translated; anything that is not the Debian archive is left out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provisioner.errors import SandboxError

DEFAULT_KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"

_RELEASE: Final = re.compile(
    r"(?:oldoldstable|oldstable|stable|testing|bullseye|bookworm|trixie|forky)(?P<role>-updates|-security)?"
)
_ONE_LINE: Final = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)
_MIRROR_FILE: Final = "mirror+file:"


@dataclass(frozen=True)
class AptSource:
    """One line's worth of an archive: where it is, which suite of it, and the keyring that signs it."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str | None = None
    trusted: bool = False


def read(etc_apt: Path, release: str) -> tuple[AptSource, ...]:
    """The Debian sources under `etc_apt` as they are for `release` ("bookworm"), the main archive first.

    Raises `SandboxError` when no main archive is among them.
    """
    found = [_resolved(source) for source in _all(etc_apt)]
    ours = dict.fromkeys(translated for source in found if (translated := _for_release(source, release)))
    ordered = tuple(sorted(ours, key=lambda source: source.suite != release))
    if not ordered or ordered[0].suite != release:
        raise SandboxError(
            "find a Debian mirror",
            cause=f"the apt sources in {etc_apt} name none",
            hint=f"add the mirror of a Debian release ({release}, for instance) to {etc_apt}/sources.list.d",
        )
    return ordered


def render(sources: Iterable[AptSource]) -> str:
    """The sources as one deb822 file."""
    return "\n".join(_stanza(source) for source in sources)


def parse_one_line(text: str) -> Iterator[AptSource]:
    """Sources from the text of a `.list` file."""
    for line in text.splitlines():
        if match := _ONE_LINE.fullmatch(line.partition("#")[0].strip()):
            options = dict(word.split("=", 1) for word in (match["options"] or "").split() if "=" in word)
            yield AptSource(
                match["uri"],
                match["suite"],
                tuple(match["components"].split()),
                options.get("signed-by"),
                options.get("trusted") == "yes",
            )


def parse_deb822(text: str) -> Iterator[AptSource]:
    """Sources from the text of a `.sources` file."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", lines):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        signed_by = fields.get("signed-by")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                yield AptSource(uri, suite, components, signed_by, fields.get("trusted") == "yes")


def _all(etc_apt: Path) -> Iterator[AptSource]:
    lists = [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*.list"))]
    for path in filter(Path.is_file, lists):
        yield from parse_one_line(path.read_text())
    for path in sorted((etc_apt / "sources.list.d").glob("*.sources")):
        yield from parse_deb822(path.read_text())


def _fields(stanza: str) -> dict[str, str]:
    """One stanza's fields under their names in lower case, continuation lines joined."""
    joined = re.sub(r"\n[ \t]+", " ", stanza)
    pairs = (line.split(":", 1) for line in joined.splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


def _for_release(source: AptSource, release: str) -> AptSource | None:
    suite = _RELEASE.fullmatch(source.suite)
    foreign_key = source.signed_by is not None and "debian-archive" not in source.signed_by
    if suite is None or foreign_key or "main" not in source.components:
        return None
    keyring = None if source.signed_by is None else DEFAULT_KEYRING
    return AptSource(source.uri, release + (suite["role"] or ""), ("main",), keyring, source.trusted)


def _resolved(source: AptSource) -> AptSource:
    """Cloud images keep the mirror's address in a file of its own, which debootstrap cannot read."""
    if not source.uri.startswith(_MIRROR_FILE):
        return source
    path = Path(source.uri.removeprefix(_MIRROR_FILE))
    words = [line.split()[0] for line in path.read_text().splitlines() if line.strip() and line[0] != "#"]
    return AptSource(words[0], source.suite, source.components, source.signed_by, source.trusted)


def _stanza(source: AptSource) -> str:
    lines = [
        "Types: deb",
        f"URIs: {source.uri}",
        f"Suites: {source.suite}",
        f"Components: {' '.join(source.components)}",
    ]
    if source.signed_by:
        lines.append(f"Signed-By: {source.signed_by}")
    if source.trusted:
        lines.append("Trusted: yes")
    return "\n".join(lines) + "\n"
