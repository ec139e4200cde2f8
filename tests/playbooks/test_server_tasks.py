"""The tasks of the playbook `server` where droplets are rough, with stand-ins for apt and cloud-init."""

from pathlib import Path

import pytest

from tests.playbooks.tasks import Bench

FOREIGN = "http://127.0.0.1:9 main InRelease"
LIST_FAILED = f"""\
Hit:1 http://mirror.example/debian bookworm InRelease
Err:2 {FOREIGN}
  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)
E: Failed to fetch http://127.0.0.1:9/dists/main/InRelease  Could not connect to 127.0.0.1:9
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""
# What apt says of a repository whose key has expired.
KEY_EXPIRED = """\
Hit:1 http://mirror.example/debian bookworm InRelease
Err:2 https://packages.example/apt stable InRelease
  The following signatures were invalid: EXPKEYSIG 23E7166788B63E1E Example <a@example.com>
W: GPG error: https://packages.example/apt stable InRelease: EXPKEYSIG 23E7166788B63E1E
E: Failed to fetch https://packages.example/apt/dists/stable/InRelease  EXPKEYSIG 23E7166788B63E1E
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""
# The real one gives a signal to what it started, and its own exit code for that.
QUICK_TIMEOUT = 'while [[ $1 == --* ]]; do shift 2; done; shift; exec /usr/bin/timeout --kill-after 1 1 "$@"'


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.program("dpkg", "exit 0")
    made.program("sleep", "exit 0")
    return made


def apt(bench: Bench, update: str, install: str = "touch $BENCH/installed") -> None:
    bench.program(
        "apt-get",
        f'echo "$*" >> $BENCH/asked\nif [[ $* == *" update"* ]]; then\n{update}\nelse\n{install}\nfi',
    )


@pytest.mark.parametrize(("said", "named"), [(LIST_FAILED, "http://127.0.0.1:9"), (KEY_EXPIRED, "EXPKEYSIG")])
def test_a_foreign_list_that_cannot_be_fetched_stops_nothing(bench: Bench, said: str, named: str) -> None:
    apt(bench, f"cat <<'E'\n{said}E\nexit 100")

    ended = bench.run("server", "Packages")

    assert ended.returncode == 0, ended.stderr
    assert (bench.folder / "installed").exists()
    assert named in ended.stdout.splitlines()[-1]


def test_packages_that_cannot_be_had_name_the_list_that_is_missing(bench: Bench) -> None:
    apt(
        bench,
        f"cat <<'E'\n{LIST_FAILED}E\nexit 100",
        "echo 'E: Unable to locate package jq' >&2; exit 100",
    )

    ended = bench.run("server", "Packages")

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert "Failed to fetch http://127.0.0.1:9" in last
    assert "Some index files" not in last


def test_fetching_the_lists_that_stands_still_is_ended_and_begun_again(bench: Bench) -> None:
    bench.program("timeout", QUICK_TIMEOUT)
    apt(bench, "[[ -e $BENCH/second ]] || { touch $BENCH/second; exec /bin/sleep infinity; }")

    ended = bench.run("server", "Packages")

    assert ended.returncode == 0, ended.stderr
    assert (bench.folder / "asked").read_text().count(" update") == 2
    assert (bench.folder / "installed").exists()


def test_lists_that_never_come_are_named_as_the_reason(bench: Bench) -> None:
    bench.program("timeout", QUICK_TIMEOUT)
    apt(bench, "exec /bin/sleep infinity", "echo 'E: Unable to locate package jq' >&2; exit 100")

    ended = bench.run("server", "Packages")

    assert ended.returncode == 1
    assert "could not be fetched within" in ended.stderr.splitlines()[-1]


def test_the_lock_on_the_lists_is_waited_for(bench: Bench) -> None:
    held = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (apt-get)"
    apt(bench, f"[[ $(wc -l < $BENCH/asked) == 3 ]] || {{ echo '{held}' >&2; exit 100; }}")

    ended = bench.run("server", "Packages")

    assert ended.returncode == 0, ended.stderr
    assert (bench.folder / "asked").read_text().count(" update") == 3
    assert "missing" not in ended.stdout


def test_a_dpkg_that_was_killed_is_finished_first(bench: Bench) -> None:
    apt(bench, "exit 0", "[[ -e $BENCH/configured ]] && touch $BENCH/installed")
    bench.program("dpkg", "touch $BENCH/configured")

    assert bench.run("server", "Packages").returncode == 0
    assert (bench.folder / "installed").exists()


RESULT = "/run/cloud-init/result.json"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_first_boot_that_ends_with_complaints_is_over(bench: Bench, code: int) -> None:
    bench.program("cloud-init", f"echo 'status: error'; touch $BENCH/result.json; exit {code}")

    ended = bench.run("server", "The first boot is over", moved={RESULT: bench.folder / "result.json"})

    assert ended.returncode == 0, ended.stderr
    assert "status: error" in ended.stdout


def test_an_error_of_an_early_stage_is_not_its_end(bench: Bench) -> None:
    """cloud-init 22.4 stops waiting at the first error, while later stages still run."""
    bench.program("cloud-init", "echo 'status: error'; exit 1")
    bench.program("sleep", "touch $BENCH/result.json")

    ended = bench.run("server", "The first boot is over", moved={RESULT: bench.folder / "result.json"})

    assert ended.returncode == 0
    assert (bench.folder / "result.json").exists()


def test_where_cloud_init_is_disabled_there_is_nothing_to_wait_for(bench: Bench) -> None:
    bench.program("cloud-init", "echo 'status: disabled'")
    bench.program("sleep", "touch $BENCH/waited")

    ended = bench.run("server", "The first boot is over", moved={RESULT: bench.folder / "result.json"})

    assert ended.returncode == 0
    assert not (bench.folder / "waited").exists()


@pytest.mark.parametrize(
    ("enabled", "active", "so"),
    [("yes", "yes", True), ("no", "yes", False), ("yes", "no", False)],
)
@pytest.mark.parametrize("timer", ["apt-daily.timer", "apt-daily-upgrade.timer"])
def test_a_timer_that_does_not_run_is_seen(
    bench: Bench, timer: str, enabled: str, active: str, so: bool
) -> None:
    bench.program(
        "systemctl",
        f"[[ $3 == {timer} ]] || exit 0\n[[ $2 != is-enabled || {enabled} == yes ]] &&"
        f" [[ $2 != is-active || {active} == yes ]]",
    )

    assert (bench.run("server", "The timers of the updates", "unless").returncode == 0) is so
