"""Upgrades: who would get another version, and how the waves went."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.durations import took
from provisioner.cli.output.job_results import RunsResult, document, summary_of, unreadable, unreadable_files
from provisioner.cli.output.result import Block, Message, Paragraph, Result, Table
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.record import Customer
    from provisioner.customers.store import AnyListing
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.runner import RunResult
    from provisioner.runs.upgrading import Chosen

_HEADER = ("ADDRESS", "VERSION", "WOULD")


@dataclass(frozen=True)
class UpgradePlan(Result):
    """Who would be upgraded; `broken` are the files that cannot be read."""

    wanted: str
    chosen: "Chosen"
    broken: tuple["AnyListing", ...] = ()
    kind = "upgrade-plan"

    @property
    def exit_code(self) -> int:
        return 1 if self.broken else 0

    def blocks(self) -> Iterator[Block]:
        rows = [_row(one, self._would(one)) for one in self.chosen.behind]
        rows += [_row(one, "stay: it is newer") for one in self.chosen.newer]
        rows += [_row(one, "stay: they have a version of their own") for one in self.chosen.pinned]
        if rows:
            yield Table(_HEADER, rows, {})
        chosen = self.chosen
        number = sum(map(len, (chosen.behind, chosen.so_already, chosen.newer, chosen.pinned)))
        servers = "1 server" if number == 1 else f"{number} servers"
        yield Message(f"{len(self.chosen.behind)} of {servers} would be upgraded to {self.wanted}")
        yield from unreadable_files(self.broken)

    def document(self) -> dict[str, object]:
        groups = (
            ("upgrade", self.chosen.behind),
            ("none", self.chosen.so_already),
            ("none", self.chosen.newer),
            ("none", self.chosen.pinned),
        )
        customers = [
            {"email": one.email, "version": one.setup.moltbot.version, "would": would}
            for would, group in groups
            for one in group
        ]
        unread = list(map(unreadable, self.broken))
        return {"wanted": self.wanted, "customers": customers, "unreadable": unread}

    def _would(self, customer: "Customer") -> str:
        upgrade = customer.setup.upgrade
        if upgrade is None:
            return f"get {self.wanted}"
        return f"go back from {upgrade.version}" if upgrade.failed else f"go on to {upgrade.version}"


@dataclass(frozen=True)
class UpgradeResult(RunsResult):
    """How the waves went; no wave came to the `untouched`, and the `newer` have more than was asked for.

    `back` are canaries who were to go back to what they had, because the version failed after them.
    """

    untouched: tuple[str, ...] = ()
    so_already: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    back: tuple["JobResult", ...] = ()
    kind: str = "upgrade"
    verb: str = "upgrade"

    def blocks(self) -> Iterator[Block]:
        yield from super().blocks()
        if self.jobs and self.so_already:
            yield Message(f"{len(self.so_already)} more have the version already")
        if self.newer:
            yield Paragraph(
                "", f"left as they are, because a newer version runs there: {', '.join(self.newer)}"
            )
        for job in self.back:
            yield Paragraph("", _went_back(job))
        yield from _untouched(self.untouched, self.options)

    def document(self) -> dict[str, object]:
        entries = [{**document(job), "version": _version(job)} for job in self.jobs]
        return {
            **super().document(),
            "customers": entries,
            "untouched": list(self.untouched),
            "upToDate": list(self.so_already),
            "newer": list(self.newer),
            "back": [{**document(job), "version": _version(job)} for job in self.back],
        }

    @property
    def nobody(self) -> str:
        if self.so_already:
            return "Every server has the version."
        return (
            "There is nobody to upgrade." if self.newer else "There is nobody whose assistant is installed."
        )

    def success(self, result: "RunResult") -> str:
        customer = result.customer
        return f"{customer.email}: Moltbot {customer.setup.moltbot.version}, after {took(result.seconds)}"


@dataclass(frozen=True)
class SystemUpdateResult(RunsResult):
    """How security updates went; no wave came to the `untouched`."""

    untouched: tuple[str, ...] = ()
    kind: str = "upgrade"
    verb: str = "upgrade"

    def blocks(self) -> Iterator[Block]:
        yield from super().blocks()
        yield from _untouched(self.untouched, self.options)

    def document(self) -> dict[str, object]:
        return {**super().document(), "untouched": list(self.untouched)}

    @property
    def nobody(self) -> str:
        return "There is nobody whose assistant is installed."

    def success(self, result: "RunResult") -> str:
        said = [one.details for one in result.customer.timeline if one.event == "system_updated"]
        return f"{result.customer.email}: {said[-1] if said else 'nothing to do'}"


def _untouched(whom: tuple[str, ...], options: str) -> Iterator[Block]:
    if whom:
        again = command("upgrade", *whom, options=options)
        servers = "1 server was" if len(whom) == 1 else f"{len(whom)} servers were"
        words = f"{servers} not touched, because one before failed. When that is mended: {again}"
        yield Paragraph("", words)


def _went_back(job: "JobResult") -> str:
    """What became of a canary that was to go back."""
    if job.exit_code == 0:
        return f"{job.who} went back too, to {_version(job)}, with what it knows by now"
    return f"{job.who} was to go back too: {summary_of(job)}; go on with: {command('upgrade', job.who)}"


def _version(job: "JobResult") -> str | None:
    return job.result.customer.setup.moltbot.version if job.result else None


def _row(customer: "Customer", would: str) -> tuple[str, str, str]:
    return customer.email, customer.setup.moltbot.version or "", would
