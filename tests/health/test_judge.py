"""What a server's report says is wrong, and that what is advised is a command."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from provisioner.customers.parts.upkeep import Backup
from provisioner.customers.record import Customer
from provisioner.errors import HostKeyError, RemoteError
from provisioner.health.judge import Sign, behind, judge, piling_up, unreachable, without_report
from provisioner.health.report import Channel, Resources, ServerReport
from provisioner.services.digitalocean.errors import DropletOff
from provisioner.timestamps import written
from tests.doctor.hints import check_hint
from tests.steps.support import new_record

EMAIL = "customer@example.com"
WANTED = "2026.9.6"
NOW = datetime(2026, 2, 1, tzinfo=UTC)
RESTART = ["ssh", EMAIL, "--", "openclaw-gateway", "restart"]
PROVISION = ["provision", EMAIL]
TALKING = Channel(connected=True, state="ready", error=None)
WELL = ServerReport(
    active=True,
    state="active",
    since="2026-01-29T05:54:00Z",
    live=True,
    ready=True,
    failing=(),
    running=WANTED,
    installed=WANTED,
    channels={"telegram": TALKING},
    reboot_required=False,
    disk_total=50_000,
    disk_free=40_000,
    resources=Resources(
        memory_total=2000,
        memory_free=700,
        swap_total=2000,
        swap_free=1900,
        gateway_memory=1100,
        restarts=0,
        load=0.4,
        processors=1,
    ),
)


def using(**resources: float | None) -> ServerReport:
    return replace(WELL, resources=replace(WELL.resources, **resources))  # type: ignore[arg-type]


def customer(**messaging: Any) -> Customer:
    setup = {
        "moltbot": {"installed": True, "version": WANTED},
        "messaging": {"connected": True, "platform": "telegram", **messaging},
    }
    return new_record(setup=setup).customer


def of(report: ServerReport, who: Customer | None = None) -> list[Sign]:
    return list(judge(who or customer(), report, WANTED, NOW))


def test_a_server_that_is_well_shows_nothing() -> None:
    assert of(WELL) == []


SILENT = replace(WELL, live=False, ready=False, running=None, channels=None)
BROKEN = Channel(connected=False, state="blocked", error="401: Unauthorized")
CASES: dict[str, tuple[ServerReport, str, list[list[str]]]] = {
    "stopped": (
        replace(SILENT, active=False, state="failed"),
        "the gateway is stopped (failed)",
        [RESTART],
    ),
    "no service": (replace(SILENT, active=False, state=None), "stopped (no such service)", [RESTART]),
    "hung": (SILENT, "the gateway runs and does not answer: it hangs", [RESTART]),
    "started at no time": (replace(SILENT, since="yesterday"), "it hangs", [RESTART]),
    "not ready": (
        replace(WELL, ready=False, failing=("memory", "cron")),
        "it is not ready: memory, cron",
        [RESTART],
    ),
    "channel broken": (
        replace(WELL, ready=False, failing=("telegram",), channels={"telegram": BROKEN}),
        "telegram is not connected: 401: Unauthorized",
        [RESTART],
    ),
    "channel without a word": (
        replace(WELL, channels={"telegram": Channel(connected=False, state=None, error=None)}),
        "telegram is not connected",
        [RESTART],
    ),
    "channels unknown": (replace(WELL, channels=None), "whether telegram is connected", [RESTART]),
    "no channel": (
        replace(WELL, channels={"whatsapp": TALKING}),
        "the gateway has no channel telegram",
        [["update", EMAIL, "setup.messaging.connected", "false"], PROVISION],
    ),
    "another version runs": (
        replace(WELL, running="2026.9.7", installed="2026.9.7"),
        "Moltbot 2026.9.7 runs there, the record has 2026.9.6",
        [["update", EMAIL, "setup.moltbot.version", "2026.9.7"]],
    ),
    "updated and not started again": (
        replace(WELL, installed="2026.9.7"),
        "Moltbot 2026.9.7 is installed, and 2026.9.6 still runs",
        [RESTART],
    ),
    "memory used up": (
        using(memory_free=60, swap_free=80, gateway_memory=1700),
        "the memory is used up: 60 MB of 2000 MB are free, and 80 MB of swap; its gateway uses 1700 MB",
        [RESTART],
    ),
    "memory used up without swap": (
        using(memory_free=60, swap_free=0, swap_total=0),
        "60 MB of 2000 MB are free, and 0 MB of swap",
        [RESTART],
    ),
    "clock behind": (
        using(clock=int(NOW.timestamp()) - 90),
        "its clock is 90 s behind",
        [["ssh", EMAIL, "--", "timedatectl", "set-ntp", "true"]],
    ),
    "disk full": (
        replace(WELL, disk_free=300),
        "the disk is full: 300 MB of 50000 MB are free",
        [
            ["ssh", EMAIL, "--", "journalctl", "--vacuum-size=50M"],
            ["ssh", EMAIL, "--", "du", "-xhd3", "/"],
        ],
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_harm_is_one_problem_with_commands_that_there_are(name: str) -> None:
    report, problem, commands = CASES[name]

    (sign,) = of(report)

    assert problem in sign.problem
    assert sign.severity == "problem"
    assert check_hint(sign.hint) == commands


def test_a_gateway_that_was_started_just_now_is_left_to_start() -> None:
    (sign,) = of(replace(SILENT, since=written(NOW)))

    assert (sign.severity, "started just now" in sign.problem) == ("advice", True)
    assert check_hint(sign.hint) == [["doctor"]]


@pytest.mark.parametrize(
    "report",
    [
        using(memory_free=60),
        using(memory_free=150, swap_free=0),
        using(clock=int(NOW.timestamp()) + 59),
        using(load=4.0),
        using(load=7.9, processors=2),
        using(restarts=2),
        replace(WELL, resources=Resources()),
    ],
)
def test_what_is_within_bounds_or_not_known_is_nothing(report: ServerReport) -> None:
    assert of(report) == []


@pytest.mark.parametrize(
    ("report", "about", "words"),
    [(using(load=4.1), "load", "4.1 processes"), (using(restarts=3), "gateway", "started again 3 times")],
)
def test_what_may_be_a_sign_of_trouble_is_advice(report: ServerReport, about: str, words: str) -> None:
    (sign,) = of(report)

    assert (sign.about, sign.severity, words in sign.problem) == (about, "advice", True)
    assert check_hint(sign.hint)[0][:2] == ["ssh", EMAIL]


def test_messages_that_nobody_takes_are_a_problem_whatever_the_gateway_says() -> None:
    sign = piling_up(customer(), 3)

    assert (sign.about, sign.severity) == ("messages", "problem")
    assert sign.problem == "3 messages wait at telegram, and the assistant does not take them"
    assert check_hint(sign.hint) == [RESTART]


def test_another_host_key_is_told_from_no_answer() -> None:
    assert unreachable(HostKeyError("connect", cause="it is another")).problem.startswith(
        "the host key changed"
    )
    assert unreachable(RemoteError("connect", cause="silence")).problem == "it does not answer: silence"


def test_a_reboot_that_is_wanted_breaks_nothing_yet() -> None:
    (sign,) = of(replace(WELL, reboot_required=True))

    assert sign.severity == "advice"
    assert check_hint(sign.hint) == [["ssh", EMAIL, "--", "systemctl", "reboot"]]


def test_a_server_that_is_behind_the_settings_is_named_and_is_no_trouble() -> None:
    (sign,) = judge(customer(), WELL, "2026.10.1", NOW)

    assert sign.severity == "advice"
    assert sign.problem == "Moltbot 2026.9.6 runs there, new servers get 2026.10.1"


@pytest.mark.parametrize(
    ("version", "late"),
    [
        ("2026.9.5", True),
        ("2025.12.31", True),
        ("2026.9.6", False),
        ("2026.9.6-1", False),
        ("2026.10.0", False),
        ("edge", False),
        ("9" * 5000, False),
        ("٢.1.1", False),
        (None, False),
    ],
)
def test_who_is_behind(version: str | None, late: bool) -> None:
    assert (behind(version, WANTED, EMAIL) is not None) is late


def audited(droplet: str, *critical: str) -> Customer:
    audit = {"at": "2026-01-29T05:54:00Z", "madeOn": droplet, "critical": critical, "warnings": 1}
    setup = {"droplet": {"id": "7"}, "moltbot": {"installed": True, "version": WANTED, "audit": audit}}
    return new_record(setup=setup).customer


def test_what_the_audit_found_is_a_problem_until_it_is_made_anew() -> None:
    (sign,) = of(WELL, audited("7", "Groups are open to everybody", "No token"))

    assert sign.problem == "its security audit finds: Groups are open to everybody; No token"
    assert check_hint(sign.hint) == [
        ["ssh", EMAIL, "--", "openclaw", "security", "audit"],
        ["apply", EMAIL, "--again"],
    ]


def test_an_audit_that_found_nothing_or_was_of_another_server_is_no_problem() -> None:
    assert of(WELL, audited("7")) == []
    assert of(WELL, audited("6", "Groups are open to everybody")) == []


def test_who_was_never_connected_misses_no_channel() -> None:
    assert of(replace(WELL, channels={}), customer(connected=False)) == []
    assert of(replace(WELL, channels=None), customer(connected=False)) == []


def test_a_server_without_the_program_is_brought_up_to_date() -> None:
    sign = without_report(customer())

    assert check_hint(sign.hint) == [["apply", EMAIL, "--again"]]


def test_a_command_for_an_address_that_looks_like_an_option_takes_the_id() -> None:
    odd = new_record(email="-rf@example.com", setup={"moltbot": {"installed": True}}).customer

    (sign,) = of(replace(SILENT, active=False), odd)

    assert check_hint(sign.hint) == [["ssh", odd.id, "--", "openclaw-gateway", "restart"]]


def test_what_runs_there_counts_and_not_what_the_record_says() -> None:
    (_, late) = of(replace(WELL, running="2026.9.5", installed="2026.9.5"))

    words = "Moltbot 2026.9.5 runs there, new servers get 2026.9.6"
    assert (late.severity, late.problem) == ("advice", words)


def paused(**fields: Any) -> Customer:
    pause = {"requestedAt": "2026-01-29T05:54:00Z", **fields}
    setup = {"moltbot": {"installed": True, "version": WANTED}, "pause": pause}
    return new_record(setup=setup).customer


def test_who_is_paused_is_no_trouble_and_costs_what_they_did() -> None:
    who = paused(pausedAt="2026-01-29T05:55:00Z")

    [sign] = of(replace(SILENT, active=False, state="inactive"), who)

    assert (sign.severity, "costs what it did" in sign.problem) == ("advice", True)
    assert check_hint(sign.hint) == [["pause", EMAIL, "--undo"]]


@pytest.mark.parametrize("fields", [{}, {"pausedAt": "2026-01-29T05:55:00Z"}])
def test_a_gateway_that_runs_although_it_is_paused(fields: dict[str, str]) -> None:
    [sign] = of(WELL, paused(**fields))

    assert "runs although" in sign.problem
    assert check_hint(sign.hint)[-1] == ["pause", EMAIL]


MENDED = {
    **dict.fromkeys(["stopped", "no service", "hung", "started at no time", "not ready"], "restart"),
    **dict.fromkeys(["channel broken", "channel without a word", "channels unknown"], "restart"),
    **dict.fromkeys(["memory used up", "memory used up without swap"], "restart"),
    **dict.fromkeys(["clock ahead", "clock behind"], "clock"),
    "disk full": "disk",
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_only_what_destroys_nothing_is_a_remedy(name: str) -> None:
    (sign,) = of(CASES[name][0])
    assert sign.remedy == MENDED.get(name)


def test_only_a_droplet_that_is_off_can_be_started() -> None:
    assert unreachable(DropletOff(EMAIL, "droplet 7 is off", "switch it on")).remedy == "start"
    assert unreachable(RemoteError("connect", cause="silence")).remedy is None
    assert piling_up(customer(), 3).remedy == "restart"


def test_another_program_that_reads_the_bots_messages_is_named() -> None:
    words = "Call to 'getUpdates' failed! (409: Conflict: terminated by other getUpdates request)"
    (sign,) = of(replace(WELL, channels={"telegram": Channel(False, "recovering", words)}))

    assert (sign.about, sign.remedy) == ("channel", "restart")
    assert sign.problem.startswith("another program reads the messages of its bot: ")
    assert check_hint(sign.hint) == [RESTART, ["update", EMAIL, "setup.messaging.botToken", "-"]]


MALFORMED = "Error: SQLITE_CORRUPT: database disk image is malformed"


def test_a_damaged_database_is_named_with_the_backup_and_not_restarted() -> None:
    stopped = replace(SILENT, active=False, state="failed", complaint=MALFORMED)
    (sign,) = of(stopped)
    assert (sign.about, sign.remedy) == ("database", None)
    assert sign.problem == f"the assistant's database is damaged: {MALFORMED}"
    assert check_hint(sign.hint)[0][:2] == ["ssh", EMAIL]
    backup = {"file": "a", "takenAt": "2026-01-30T01:00:00Z", "size": 1, "sha256": "0"}

    (sign,) = of(stopped, customer().model_copy(update={"backups": (Backup.model_validate(backup),)}))

    assert check_hint(sign.hint) == [["restore-backup", EMAIL]]
    assert "2026-01-30T01:00:00Z" in sign.hint


def test_a_gateway_that_cannot_read_its_state_says_so_in_its_own_words() -> None:
    # As 2026.9.6 said it of a database whose first page was overwritten.
    words = "Gateway failed to start: Doctor cannot repair this state: shared state database is unreadable at"
    (sign,) = of(replace(SILENT, active=False, state="failed", complaint=words))

    assert (sign.about, sign.remedy) == ("database", None)


def test_what_its_log_said_is_told_of_a_gateway_that_is_stopped_and_not_of_one_that_is_well() -> None:
    assert of(replace(WELL, complaint=MALFORMED)) == []
    (sign,) = of(replace(SILENT, active=False, state="failed", complaint="ENOSPC: no space left on device"))
    assert sign.problem == "the gateway is stopped (failed): ENOSPC: no space left on device"
