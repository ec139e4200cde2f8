"""The live view of many runs, at the widths that terminals have."""

import io

import pytest
from rich.console import Console

from provisioner.cli.output.live_fleet import FleetView
from provisioner.runs.progress import Progress


def drawn(width: int, height: int, customers: int) -> list[str]:
    """What stands on the moving lines with so many at work, and one who has ended."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    view = FleetView(console, customers + 1)
    for number in range(customers):
        who = f"customer-{number:03d}.with.a.long.name@example.com"
        view.hear(Progress(who, "droplet", "started"))
        view.hear(Progress(who, "droplet", "said", f"waiting for droplet {number}: new, \x1b[31m5 s " * 4))
    view.hear(Progress("gone@example.com", "droplet", "started"))
    view.end("gone@example.com", "✓", "green", "in_progress")
    with console.capture() as captured:
        console.print(view)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_each_customer_has_one_line_that_fits(width: int) -> None:
    lines = drawn(width, 24, 5)

    assert len(lines) == 6
    assert all(len(line) <= width for line in lines)
    assert all("droplet" in line and line.rstrip().endswith("s") for line in lines[:5])
    assert not any("\x1b" in line for line in lines)
    assert lines[-1].startswith("1 of 6 ended, 5 at work")


def test_more_than_the_terminal_holds_are_counted() -> None:
    lines = drawn(80, 24, 60)

    assert len(lines) < 24
    assert lines[-2].strip() == "and 40 more"
    assert lines[-1].startswith("1 of 61 ended, 60 at work")
