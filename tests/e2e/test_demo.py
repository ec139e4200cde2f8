"""The first thing that a stranger runs: the demo, up to the bot's answer, and nothing left of it."""

import shutil
import subprocess
import sys
import uuid

import pytest

from provisioner.sandbox.control.state import folder_named
from tests.sandbox.droplets import traces

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1200)]

# Somebody may be playing with the real one.
_UNDER_ANOTHER_NAME = """
import sys
from provisioner.cli import main
from provisioner.cli.sandbox import demo
demo.SANDBOX, sys.argv = {name!r}, ["provisioner", "demo"]
main.run()
"""


def test_the_demo_ends_with_an_answer_and_leaves_nothing() -> None:
    name = f"demo-{uuid.uuid4().hex[:8]}"
    state = folder_named(name)
    program = _UNDER_ANOTHER_NAME.format(name=name)

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    for words in ("onboarding_complete", "You wrote: “hello", "All done in"):
        assert words in ended.stdout
    assert "airing code" not in ended.stdout
    assert traces(state, str(state)) == []
    shutil.rmtree(state)
