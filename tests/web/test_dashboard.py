"""Where `serve` has the dashboard, and where it refuses to."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from provisioner.web.access.operators import Operators
from provisioner.web.access.passwords import hash_of
from provisioner.web.access.place import access_folder
from tests.web.serving_process import ServingProcess


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServingProcess]:
    process = ServingProcess(tmp_path / "workspace")
    yield process
    process.kill()


def test_on_this_machine_it_is_there(process: ServingProcess) -> None:
    process.start()
    assert process.get("/sign-in").status_code == 200
    assert process.get("/static/style.css").status_code == 200
    assert process.get("/").status_code == 303


def test_for_others_it_is_not_without_a_password_and_tls(process: ServingProcess) -> None:
    process.start("--host", "0.0.0.0")
    assert process.get("/sign-in").status_code == 404
    assert process.get("/healthz").status_code == 200
    assert "no dashboard at 0.0.0.0: nobody has a password (provisioner " in process.log
    assert "login --password);" in process.log
    assert "names no https:// address" in process.log


def test_for_others_it_is_there_with_both(process: ServingProcess) -> None:
    operators = Operators(access_folder(process.workspace))
    operators.invite("ada", None)
    operators.set_password("ada", hash_of("correct horse battery"))
    with process.workspace.settings_file.open("a") as file:
        file.write('[web]\naddress = "https://desk.example.com"\n')
    process.start("--host", "0.0.0.0")
    answer = httpx.get(f"{process.url}/sign-in", headers={"host": "desk.example.com"}, timeout=60)
    assert answer.status_code == 200
    assert "no dashboard" not in process.log
