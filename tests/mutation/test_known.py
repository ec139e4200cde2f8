"""The table of known mutants goes with the code, and so do the places of the sample."""

import pytest

from tests.mutation.groups import GROUPS
from tests.mutation.known import KNOWN, Known
from tests.mutation.tree import ROOT


@pytest.mark.parametrize("known", KNOWN, ids=[known.what for known in KNOWN])
def test_what_a_known_mutant_breaks_and_who_notices_are_there(known: Known) -> None:
    broken = known.broken()
    if known.file.endswith(".py"):
        compile(broken, known.file, "exec")
    for test in known.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in (ROOT / file).read_text()


def test_code_that_has_moved_is_said_so() -> None:
    moved = Known("a mutant of nothing", "pyproject.toml", "no such words", "", ())
    with pytest.raises(ValueError, match="'no such words' is 0 times"):
        moved.broken()


def test_each_package_of_the_sample_has_code_and_tests() -> None:
    for group in GROUPS:
        assert all((ROOT / place).exists() for place in group.places)
        assert all((ROOT / one.partition("::")[0]).exists() for one in (*group.tests, *group.without))


def test_the_tests_in_the_folders_below_are_asked_too() -> None:
    (services,) = (group for group in GROUPS if group.name == "services")
    asked = services.tests_of(ROOT, "provisioner/services/digitalocean/transport.py")
    assert asked[0] == "tests/services/digitalocean/test_transport.py"
