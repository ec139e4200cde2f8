"""Requests over a sandbox's socket, where what answers is anything."""

import gc
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from provisioner.sandbox.control.socket_http import Answer, NoResponse, NotListening, ask
from provisioner.sandbox.control.state import StateFolder


@pytest.fixture
def folder() -> Iterator[StateFolder]:
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory() as path:
        yield StateFolder(Path(path))


@contextmanager
def answering(folder: StateFolder, answer: bytes) -> Iterator[list[bytes]]:
    """Somebody who reads one request and gives this answer."""
    heard: list[bytes] = []
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(folder.control))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as request:
                head = b"".join(iter(request.readline, b"\r\n"))
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                heard.append(head + request.read(int(length[1]) if length else 0))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        thread.join(5)


def test_where_nobody_listens_is_said_and_no_socket_is_left(folder: StateFolder) -> None:
    with pytest.raises(NotListening):
        ask(folder, "GET", "/status", timeout=1)
    with closing(socket.socket(socket.AF_UNIX)) as left_behind:
        left_behind.bind(str(folder.control))
    for _ in range(3):
        with pytest.raises(NotListening, match="refused"):
            ask(folder, "GET", "/status", timeout=1)
    # A socket that was left open would be a warning now, and warnings are errors.
    gc.collect()


def test_a_path_has_whatever_somebody_typed(folder: StateFolder) -> None:
    with answering(folder, b"HTTP/1.1 204 No Content\r\n\r\n") as heard:
        assert ask(folder, "POST", "/phones/Zoë B/x?a=1%20b", {"a": 1}, timeout=5) == Answer(204, b"")
    assert heard[0].startswith(b"POST /phones/Zo%C3%AB%20B/x?a=1%20b HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"]
)
def test_an_answer_that_breaks_off_is_none(folder: StateFolder, answer: bytes) -> None:
    with answering(folder, answer), pytest.raises(NoResponse):
        ask(folder, "GET", "/status", timeout=5)


def test_silence_has_an_end(folder: StateFolder) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(folder.control))
        listener.listen()
        with pytest.raises(NoResponse, match="timed out"):
            ask(folder, "GET", "/status", timeout=0.1)
