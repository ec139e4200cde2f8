"""Automatic backups: when they are taken, what is kept, what they cost."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sandbox.cloud.conftest import Api, eventually
from tests.sandbox.cloud.test_billing import HOUR, items

DAY = 24 * HOUR


@pytest.fixture
def monday(api: Api) -> Api:
    """September 7, at noon."""
    api.clock.moment = datetime(2026, 9, 7, 12, tzinfo=UTC).timestamp()
    return api


def backups(api: Api, droplet_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.http.get(f"droplets/{droplet_id}/backups").json()["backups"]
    return found


def after(api: Api, days: float, droplet_id: int) -> int:
    """How many backups there are when so many days have passed, and all that was due is done."""
    for _ in range(int(days)):
        api.clock.pass_(DAY)
        api.http.get("account")
        done = threading.Event()
        api.cloud.executors.submit(droplet_id, done.set)
        assert done.wait(20)
    return len(backups(api, droplet_id))


def test_weekly_backups_come_on_sunday_and_four_are_kept(monday: Api) -> None:
    droplet = monday.created("kept", backups=True)

    assert "backups" in droplet["features"]
    assert droplet["next_backup_window"] == {"start": "2026-09-13T00:00:00Z", "end": "2026-09-13T04:00:00Z"}
    assert after(monday, 5, droplet["id"]) == 0
    assert after(monday, 1, droplet["id"]) == 1
    [backup] = backups(monday, droplet["id"])
    assert (backup["type"], backup["name"], backup["public"]) == ("backup", "kept 2026-09-13", False)
    assert monday.droplet(droplet["id"])["backup_ids"] == [backup["id"]]
    assert monday.http.get("snapshots").json()["snapshots"] == []
    assert monday.http.get(f"snapshots/{backup['id']}").status_code == 404
    assert after(monday, 28, droplet["id"]) == 4
    assert monday.http.get(f"images/{backup['id']}").status_code == 404


def test_each_backup_is_five_percent_of_the_droplets_price(monday: Api) -> None:
    droplet = monday.created("kept", backups=True)
    after(monday, 14, droplet["id"])

    charged = [item for item in items(monday, "2026-09") if item["product"] == "Backups"]

    assert [(item["amount"], item["duration"]) for item in charged] == [("0.60", "")] * 2
    assert charged[0]["resource_id"] == str(droplet["id"])


def test_daily_backups_are_one_percent_each_and_seven_are_kept(monday: Api) -> None:
    droplet = monday.created()
    policy = {"plan": "daily", "hour": 4}
    monday.act(droplet["id"], "enable_backups", backup_policy=policy)

    shown = monday.http.get(f"droplets/{droplet['id']}/backups/policy").json()["policy"]
    assert (shown["backup_enabled"], shown["backup_policy"]["plan"]) == (True, "daily")
    assert shown["backup_policy"]["retention_period_days"] == 7
    assert shown["next_backup_window"]["start"] == "2026-09-08T04:00:00Z"
    assert after(monday, 9, droplet["id"]) == 7
    charged = [item for item in items(monday, "2026-09") if item["product"] == "Backups"]
    assert [item["amount"] for item in charged] == ["0.12"] * 9


def test_backups_that_are_switched_off_stay_and_no_more_come(monday: Api) -> None:
    droplet = monday.created(backups=True)
    after(monday, 7, droplet["id"])

    assert monday.act(droplet["id"], "change_backup_policy", backup_policy={"plan": "daily"})
    assert monday.act(droplet["id"], "disable_backups")["status"] == "completed"

    shown = monday.droplet(droplet["id"])
    assert ("backups" in shown["features"], shown["next_backup_window"]) == (False, None)
    assert after(monday, 14, droplet["id"]) == 1
    for kind in ("disable_backups", "change_backup_policy"):
        again = monday.http.post(f"droplets/{droplet['id']}/actions", json={"type": kind})
        assert again.status_code == 422, kind
    twice = monday.created("other", backups=True)
    again = monday.http.post(f"droplets/{twice['id']}/actions", json={"type": "enable_backups"})
    assert again.status_code == 422


def test_a_droplet_is_restored_from_its_own_backup_only(monday: Api) -> None:
    droplet, other = monday.created(backups=True), monday.created("other")
    after(monday, 7, droplet["id"])
    [backup] = backups(monday, droplet["id"])

    assert monday.act(droplet["id"], "restore", image=backup["id"])["status"] == "completed"

    assert monday.machines.specs[droplet["id"]].image == str(backup["id"])
    body = {"type": "restore", "image": backup["id"]}
    assert monday.http.post(f"droplets/{other['id']}/actions", json=body).status_code == 422


def test_backups_go_with_their_droplet(monday: Api) -> None:
    droplet = monday.created(backups=True)
    after(monday, 7, droplet["id"])
    [backup] = backups(monday, droplet["id"])

    monday.http.delete(f"droplets/{droplet['id']}")

    assert monday.http.get(f"images/{backup['id']}").status_code == 404
    eventually(lambda: droplet["id"] not in monday.machines.specs)
