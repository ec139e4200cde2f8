"""Where `serve` has the dashboard, and where it refuses to."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.web.access.operators import Operators
from provisioner.web.access.passwords import hash_of
from provisioner.web.access.place import access_folder
from tests.web.serving_process import ServingProcess, until


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServingProcess]:
    process = ServingProcess(tmp_path / "workspace")
    yield process
    process.kill()


def test_a_button_is_pressed_and_the_worker_does_it(process: ServingProcess) -> None:
    """Nobody outside is needed to pause who has no server yet."""
    process.workspace.settings_file.write_text("[worker]\njobs = 2\n")
    store = process.workspace.store()
    store.add(new_record(SignUp("ada@example.com", "sub_1")))
    customer = store.read("ada@example.com").customer
    _, token = Operators(access_folder(process.workspace)).invite("ben", "owner")
    process.start()
    form = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=process.url, headers=form, timeout=60, follow_redirects=True) as client:
        client.post("/sign-in/link", data={"token": token})
        client.post(f"/customers/{customer.id}/pause", data={"reason": "on holiday"})
        until(lambda: "assistant_paused" in _events(process))
        client.post(f"/customers/{customer.id}/go-on")
        until(lambda: "assistant_resumed" in _events(process))
    assert _events(process) == {
        "subscription_created": None,
        "pause_requested": "ben",
        "assistant_paused": "the worker",
        "pause_undo_requested": "ben",
        "assistant_resumed": "the worker",
    }


def _events(process: ServingProcess) -> dict[str, str | None]:
    """What has happened to the one customer, and by whom."""
    timeline = process.workspace.store().read("ada@example.com").customer.timeline
    return {one.event: one.by for one in timeline}


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
