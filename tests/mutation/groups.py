"""Which tests notice what is broken where: the fast ones of each package, those named like a module first."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Group:
    """Places in the code, and the tests that are asked; `without` are among them and take too long."""

    name: str
    places: tuple[str, ...]
    tests: tuple[str, ...]
    without: tuple[str, ...] = ()

    def tests_of(self, root: Path, file: str) -> list[str]:
        """The arguments for pytest in the tree at `root`, those first that are likely to notice."""
        known = [one for place in self.tests for one in _files(root, place) if one not in self.without]
        stem = Path(file).stem.strip("_")
        first = sorted(known, key=lambda one: not _about(one, stem))
        options = [f"--deselect={one}" for one in self.without if "::" in one]
        return [*first, *options]


def _about(test: str, stem: str) -> bool:
    name = Path(test).stem.removeprefix("test_")
    return name.startswith(stem) or stem.startswith(name)


def _files(root: Path, place: str) -> list[str]:
    path = root / place
    found = [path] if path.is_file() else sorted(path.rglob("test_*.py"))
    assert found, f"there are no tests at {place}"
    return [str(one.relative_to(root)) for one in found]


GROUPS = (
    Group(
        "customers",
        ("provisioner/customers", "provisioner/filesystem"),
        ("tests/customers", "tests/customers/files", "tests/filesystem"),
        (
            "tests/customers/files/test_contention.py",
            "tests/customers/files/test_real_disks.py",
            "tests/customers/files/test_state_machine.py",
        ),
    ),
    Group(
        "runs",
        ("provisioner/runs",),
        ("tests/runs",),
    ),
    Group(
        "steps",
        ("provisioner/steps", "provisioner/droplets"),
        ("tests/steps", "tests/droplets"),
        ("tests/steps/droplet/test_crashes.py",),
    ),
    Group("ssh", ("provisioner/ssh",), ("tests/ssh",)),
    Group("playbook", ("provisioner/playbook",), ("tests/playbook",)),
    Group(
        "services",
        ("provisioner/services",),
        ("tests/services", "tests/doctor/test_model_keys.py", "tests/messaging/telegram/test_manager.py"),
        ("tests/services/digitalocean/test_rate_budget.py::test_processes_count_together",),
    ),
    Group(
        "secrets",
        ("provisioner/secrets.py",),
        (
            "tests/playbook/test_secrecy.py",
            "tests/runs/test_runner.py",
            "tests/cli/commands/test_tracking.py",
        ),
    ),
)
