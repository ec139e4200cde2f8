"""Our own images: what there is, what was built, and what was deleted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provisioner.cli.output.durations import took
from provisioner.cli.output.result import Block, Message, Paragraph, Result, Table
from provisioner.images.build import Built
from provisioner.images.choice import age_in_days
from provisioner.images.listing import MONTHLY_PER_GIGABYTE, Listed
from provisioner.images.prune import Pruned
from provisioner.images.shelf import Shelf
from provisioner.printable import command
from provisioner.services.digitalocean.models import Snapshot
from provisioner.timestamps import present

_HEADER = ("ID", "STATE", "AGE", "REGIONS", "DISK", "SIZE", "A MONTH", "BUILT")
_STYLES = {"used": "green", "stale": "yellow", "unfinished": "red", "spare": "dim", "elsewhere": "dim"}


@dataclass(frozen=True)
class ShelfResult(Result):
    """All images of ours in the account."""

    shelf: Shelf
    kind = "images"

    def blocks(self) -> Iterator[Block]:
        shelf = self.shelf
        if shelf.images:
            yield Table(_HEADER, [_row(one) for one in shelf.images], _STYLES)
        total = sum(one.monthly for one in shelf.images)
        number = len(shelf.images)
        yield f"{number or 'No'} image{'' if number == 1 else 's'}, ${total:.2f} a month."
        yield Paragraph("new droplets: ", str(shelf.chosen))
        if shelf.building is not None:
            yield Paragraph("begun: ", f"{shelf.building}; to go on: {command('image build')}")
        if shelf.prunable:
            saved = sum(one.monthly for one in shelf.prunable)
            yield f"{len(shelf.prunable)} may go (${saved:.2f} a month): {command('image prune')}"

    def document(self) -> dict[str, object]:
        shelf = self.shelf
        return {
            "images": [document(one) for one in shelf.images],
            "chosen": shelf.chosen.image,
            "reason": shelf.chosen.said,
            "building": shelf.building,
            "monthly": round(sum(one.monthly for one in shelf.images), 2),
        }


@dataclass(frozen=True)
class BuiltResult(Result):
    """The image that is there now."""

    built: Built
    kind = "image-build"

    def blocks(self) -> Iterator[Block]:
        snapshot = self.built.snapshot
        monthly = snapshot.gigabytes * MONTHLY_PER_GIGABYTE
        costs = f"{snapshot.gigabytes:.1f} GB, ${monthly:.2f} a month, in {', '.join(snapshot.regions)}"
        if self.built.new:
            yield Paragraph("", f"Built {snapshot.name} in {took(self.built.seconds)}: {costs}.")
            yield Paragraph(
                "", f"Servers that are made now begin with it. Older ones: {command('image prune')}"
            )
        else:
            yield Paragraph("", f"{snapshot.name} is there already, and nothing in it has changed: {costs}.")
            again = command("image build", options="--again")
            yield Paragraph("", f"To build it again, with the newest security updates: {again}")

    def document(self) -> dict[str, object]:
        snapshot = self.built.snapshot
        return {
            **_snapshot(snapshot, age_in_days(snapshot, present())),
            "new": self.built.new,
            "seconds": round(self.built.seconds, 1),
        }


@dataclass(frozen=True)
class PrunedResult(Result):
    """What was deleted."""

    pruned: Pruned
    kind = "image-prune"

    def blocks(self) -> Iterator[Block]:
        deleted = self.pruned.deleted
        if not deleted:
            yield Message("No image may go: each of ours is the newest of its region.")
            return
        for one in deleted:
            yield Paragraph("", f"Deleted {one.snapshot.name} ({one.state}, {one.days} d old)")
        yield Message(f"That saves ${self.pruned.monthly:.2f} a month.")

    def document(self) -> dict[str, object]:
        return {
            "deleted": [document(one) for one in self.pruned.deleted],
            "monthlySaved": round(self.pruned.monthly, 2),
        }


def about_to_go(images: Sequence[Listed]) -> str:
    """What would be deleted, in one line."""
    names = ", ".join(f"{one.snapshot.name} ({one.state})" for one in images)
    return f"{names}; that saves ${sum(one.monthly for one in images):.2f} a month"


def document(one: Listed) -> dict[str, object]:
    """One image in a JSON document."""
    return {
        **_snapshot(one.snapshot, one.days),
        "state": one.state,
        "monthly": round(one.monthly, 2),
    }


def _snapshot(snapshot: Snapshot, days: int) -> dict[str, object]:
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "created": snapshot.created_at,
        "ageDays": days,
        "regions": list(snapshot.regions),
        "minDisk": snapshot.min_disk,
        "gigabytes": snapshot.gigabytes,
    }


def _row(one: Listed) -> tuple[str, ...]:
    snapshot = one.snapshot
    return (
        snapshot.id,
        one.state,
        f"{one.days} d",
        ",".join(snapshot.regions),
        f"{snapshot.min_disk} GB",
        f"{snapshot.gigabytes:.1f} GB",
        f"${one.monthly:.2f}",
        snapshot.created_at[:10],
    )
