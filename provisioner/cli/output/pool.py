"""The pool: its servers, and what was made and destroyed."""

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.cli.output.result import Block, Paragraph, Result, Table
from provisioner.pool.fill import Filled
from provisioner.pool.listing import Listed, PoolLook
from provisioner.pool.members import Member
from provisioner.printable import command

_HEADER = ("SERVER", "STATE", "AGE", "REGION", "SIZE", "ADDRESS", "A MONTH")
_STYLES = {
    "ready": "green",
    "unfinished": "yellow",
    "stale": "yellow",
    "old": "yellow",
    "gone": "red",
    "off": "red",
    "leaving": "dim",
    "taken": "dim",
}


@dataclass(frozen=True)
class PoolResult(Result):
    """All servers that are written down."""

    look: PoolLook
    kind = "pool"

    def blocks(self) -> Iterator[Block]:
        look = self.look
        if look.servers:
            yield Table(_HEADER, [_row(one) for one in look.servers], _STYLES)
        yield from _summary(look)

    def document(self) -> dict[str, object]:
        return _document(self.look)


@dataclass(frozen=True)
class FilledResult(Result):
    """What was done, and the pool as it is now."""

    filled: Filled
    look: PoolLook
    kind = "pool-change"

    def blocks(self) -> Iterator[Block]:
        for member in self.filled.destroyed:
            yield Paragraph("", f"Destroyed {member.name}: {member.leaving}")
        for member in self.filled.made:
            yield Paragraph("", f"{member.name} is ready at {member.address}.")
        for name, error in self.filled.failed:
            yield Paragraph(f"{name}: ", error.summary)
            if error.hint:
                yield Paragraph("  → ", error.hint)
        yield from _summary(self.look)

    def document(self) -> dict[str, object]:
        return {
            **_document(self.look),
            "made": [member.name for member in self.filled.made],
            "destroyed": [
                {"name": member.name, "reason": member.leaving} for member in self.filled.destroyed
            ],
            "failed": [
                {"name": name, "problem": error.summary, "hint": error.hint}
                for name, error in self.filled.failed
            ],
        }

    @property
    def exit_code(self) -> int:
        return 1 if self.filled.failed else 0


def _summary(look: PoolLook) -> Iterator[Block]:
    wanted = look.size * len(look.wanted)
    if look.size:
        yield f"{look.ready} of {wanted} ready, ${look.monthly:.2f} a month."
    else:
        yield f"No pool is wanted ([pool] size in provisioner.toml); ${look.monthly:.2f} a month."
    if look.filler is not None:
        yield Paragraph("at work: ", str(look.filler))
    elif look.missing:
        yield Paragraph("to fill it: ", command("pool fill"))
    elif look.of_nobody and not look.size:
        yield Paragraph("to destroy them: ", command("pool drain"))


def _document(look: PoolLook) -> dict[str, object]:
    return {
        "servers": [_server(one) for one in look.servers],
        "size": look.size,
        "regions": [kind.region for kind in look.wanted],
        "ready": look.ready,
        "missing": look.missing,
        "monthly": round(look.monthly, 2),
    }


def _server(one: Listed) -> dict[str, object]:
    member: Member = one.member
    return {
        "name": member.name,
        "state": one.state,
        "droplet": member.droplet_id,
        "address": member.address,
        "region": member.region,
        "size": member.size,
        "image": member.image,
        "begun": member.begun_at,
        "ageDays": one.days,
        "monthly": one.monthly,
    }


def _row(one: Listed) -> tuple[str, ...]:
    member = one.member
    return (
        member.name,
        one.state,
        f"{one.days} d",
        member.region,
        member.size,
        member.address or "",
        f"${one.monthly:.2f}" if one.monthly is not None else "",
    )
