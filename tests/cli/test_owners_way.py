"""The owner's own examples, word for word, with the command as a real process in a real folder."""

import copy
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.customers.examples import TOKEN, documented, from_old_script, write_old

COMMAND = Path(sys.executable).with_name("provisioner")
OLD = "old.timer+tag@example.com"


def shell(folder: Path, line: str, *, code: int = 0) -> str:
    """What a person types; the exit code is checked, and that no traceback is shown."""
    environment = {name: value for name, value in os.environ.items() if name != "PROVISIONER_WORKSPACE"}
    environment["PATH"] = f"{COMMAND.parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shell(tmp_path, "provisioner init")
    return tmp_path


def record_of(folder: Path, place: str = "active", name: str = "customer_at_example.com.json") -> Any:
    return json.loads((folder / "customers" / place / name).read_text("utf-8"))


def test_cli_usage(folder: Path) -> None:
    shell(folder, "provisioner add customer@example.com sub_abc123")
    added = record_of(folder)
    assert added["status"] == "pending_setup"
    assert re.fullmatch(r"cust_[0-9]+", added["id"])

    assert "customer@example.com" in shell(folder, "provisioner list")
    assert "sub_abc123" in shell(folder, "provisioner show customer@example.com")

    shell(folder, "provisioner update customer@example.com setup.droplet.id 123456")
    shell(folder, 'provisioner update customer@example.com status "active"')
    shell(folder, 'provisioner note customer@example.com "Customer wants WhatsApp"')
    shell(folder, 'provisioner timeline customer@example.com droplet_created "DO droplet 123456"')

    record = record_of(folder)
    assert record["setup"]["droplet"]["id"] == "123456"
    assert record["status"] == "active"
    assert [note["note"] for note in record["notes"]] == ["Customer wants WhatsApp"]
    assert [(event["event"], event["details"]) for event in record["timeline"]] == [
        ("subscription_created", "Customer signed up via Stripe"),
        ("field_updated", "setup.droplet.id = 123456 (was null)"),
        ("field_updated", "status = active (was pending_setup)"),
        ("note_added", "Customer wants WhatsApp"),
        ("droplet_created", "DO droplet 123456"),
    ]
    assert list(record) == list(documented())
    for group in ("subscription", "setup", "metadata"):
        assert list(record[group]) == list(documented()[group])


def test_best_practices(folder: Path) -> None:
    shell(folder, "provisioner add customer@example.com sub_abc123")
    before = record_of(folder)["timeline"]
    shell(folder, "provisioner timeline customer@example.com moltbot_installed")
    assert record_of(folder)["timeline"][:-1] == before
    assert record_of(folder)["timeline"][-1]["event"] == "moltbot_installed"

    shell(folder, "provisioner note customer@example.com prefers mornings, has two calendars")
    assert record_of(folder)["notes"][-1]["note"] == "prefers mornings, has two calendars"

    shell(folder, "provisioner update customer@example.com subscription.status past_due")
    shell(
        folder, "provisioner update customer@example.com subscription.currentPeriodEnd 2026-02-29T05:54:00Z"
    )
    assert record_of(folder)["subscription"]["currentPeriodEnd"] == "2026-02-29T05:54:00Z"

    shell(folder, "provisioner update customer@example.com status cancelled")
    record = record_of(folder)
    shell(folder, "provisioner archive customer@example.com")
    assert record_of(folder, "archive") == record
    assert list((folder / "customers" / "active").iterdir()) == []


def test_every_status_of_the_owners_list_can_be_reached(folder: Path) -> None:
    for number, path in enumerate(
        (
            ("in_progress", "active", "handed_over"),
            ("active", "cancelled"),
            ("cancelled",),
            ("in_progress", "cancelled"),
        )
    ):
        shell(folder, f"provisioner add c{number}@example.com sub_{number}")
        for status in path:
            shell(folder, f"provisioner update c{number}@example.com status {status}")


def test_the_command_is_found_from_a_folder_below(folder: Path) -> None:
    shell(folder / "customers" / "active", "provisioner add customer@example.com sub_abc123")
    assert record_of(folder)["email"] == "customer@example.com"


def test_a_folder_of_the_old_script_passes_through_every_command(tmp_path: Path) -> None:
    active = tmp_path / "customers" / "active"
    path = write_old(active, from_old_script())
    other = write_old(active, {**documented(), "email": "other@example.com"})
    own = tmp_path / "customers" / "README.md"
    own.write_text("the owner's own words")

    shell(tmp_path, "provisioner init")
    assert own.read_text() == "the owner's own words"
    wanted = copy.deepcopy(from_old_script())
    assert record_of(tmp_path, name=path.name) == wanted

    assert OLD in shell(tmp_path, "provisioner list")
    assert json.loads(shell(tmp_path, "provisioner list --json"))["customers"]
    assert TOKEN not in shell(tmp_path, f"provisioner show {OLD}")
    revealed = json.loads(shell(tmp_path, f"provisioner show {OLD} --json --reveal"))["customer"]
    assert list(revealed.items()) == list(wanted.items())
    shell(tmp_path, f"provisioner timeline {OLD} --json")
    shell(tmp_path, "provisioner check", code=1)
    # The owner's example has a period that ends on 29 February 2026; only a person knows what was meant.
    assert "a day that no calendar has" in shell(tmp_path, "provisioner check --fix", code=1)
    period = "subscription.currentPeriodEnd"
    shell(tmp_path, f"provisioner update other@example.com {period} 2026-03-01T05:54:00Z")
    untouched = other.read_bytes()
    shell(tmp_path, "provisioner check")
    shell(tmp_path, "provisioner schema")
    assert record_of(tmp_path, name=path.name) == wanted

    shell(tmp_path, f"provisioner update {OLD} name 'Old Timer'")
    shell(tmp_path, f"provisioner update {OLD} subscription.coupon.n 2")
    shell(tmp_path, f"provisioner note {OLD} hello")
    shell(tmp_path, f"provisioner timeline {OLD} seen by me")
    shell(tmp_path, f"provisioner archive {OLD}")
    shell(tmp_path, f"provisioner add {OLD} sub_x", code=2)
    shell(tmp_path, f"provisioner restore {OLD}")
    shell(tmp_path, f"provisioner update {OLD} id cust_9", code=2)

    record = record_of(tmp_path, name=path.name)
    assert record["timeline"][:2] == wanted["timeline"]
    assert [event["event"] for event in record["timeline"][2:]] == [
        *("field_updated", "field_updated", "note_added", "seen")
    ]
    wanted["name"] = "Old Timer"
    wanted["subscription"]["coupon"]["n"] = 2
    wanted["notes"], wanted["timeline"] = record["notes"], record["timeline"]
    assert record == wanted
    assert [key for key in record if key != "name"] == [key for key in wanted if key != "name"]
    assert other.read_bytes() == untouched


def test_what_is_written_the_old_script_could_read(folder: Path) -> None:
    shell(folder, "provisioner add customer@example.com sub_abc123 --name Zoë")
    shell(folder, "provisioner note customer@example.com 'naïve 🦞'")
    program = (
        "const fs = require('fs');"
        "const c = JSON.parse(fs.readFileSync('customers/active/customer_at_example.com.json', 'utf8'));"
        "const known = new Date(c.signupDate).getTime() > 0;"
        "console.log([c.name, c.notes[0].note, c.setup.droplet.id, known].join('|'));"
    )
    if shutil.which("node"):
        assert shell(folder, f"node -e {shlex.quote(program)}").strip() == "Zoë|naïve 🦞||true"
    text = (folder / "customers" / "active" / "customer_at_example.com.json").read_text("utf-8")
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
