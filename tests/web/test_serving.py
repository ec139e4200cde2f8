"""The process that goes on: it ends cleanly, may be killed, and is alone."""

import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.web.server import listen
from tests.web.serving_process import WAIT_SECONDS, ServingProcess, until
from tests.web.storm import storm


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServingProcess]:
    server = ServingProcess(tmp_path / "workspace")
    server.start()
    yield server
    server.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_it_is_asked_to(server: ServingProcess, how: signal.Signals) -> None:
    assert server.get("/healthz").status_code == 200
    assert server.get("/readyz").json() == {"status": "ready", "problems": []}

    assert server.end(how) == 0

    assert server.log.splitlines()[-2:] == ["stopping", "stopped"]


def test_a_second_one_is_told_who_serves(server: ServingProcess) -> None:
    second = server.run_another()
    assert second.returncode == 4
    assert "holds it since" in second.stderr
    assert "serve on http://127.0.0.1" in second.stderr
    server.kill()
    server.start()


def test_the_worker_alone_works_and_ends_cleanly_and_keeps_the_server_away(tmp_path: Path) -> None:
    process = ServingProcess(tmp_path / "workspace")
    process.begin("worker")
    until(lambda: "working" in process.log)
    second = process.run_another()

    assert second.returncode == 4
    assert ": work" in second.stderr
    assert process.end() == 0
    assert process.log.splitlines() == ["working", "stopping", "stopped"]


def test_who_connects_before_anybody_answers_is_not_refused() -> None:
    """From the moment at which it says that it serves."""
    with closing(listen("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname(), WAIT_SECONDS).close()


def test_it_listens_on_this_machine_alone(server: ServingProcess) -> None:
    assert server.url.startswith("http://127.0.0.1:")


@pytest.mark.timeout(600)
def test_killed_in_a_storm_of_events_the_records_are_as_in_order(tmp_path: Path) -> None:
    result = storm(tmp_path, customers=12, kills=3, seed=7)
    assert result.different == []
    assert result.done == result.events
    assert result.events >= 120
