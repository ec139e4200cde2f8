"""HTTP over the socket in a sandbox's folder, as its client speaks it.

Not with httpx: where nobody listens, the library under it (httpcore) leaves the socket open until it is
collected, and its import adds 50 ms to each of the sandbox's commands.
"""

import http.client
import json
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from provisioner.sandbox.control.state import StateFolder


class NotListening(Exception):
    """No process listens on the socket."""


class NoResponse(Exception):
    """The process did not answer in time, or its answer broke off."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """What the body says; None if it is empty."""
        return json.loads(self.body) if self.body else None


def ask(folder: StateFolder, method: str, path: str, body: object = None, *, timeout: float) -> Answer:
    """One request; `timeout` is how many seconds the process may be silent.

    Raises NotListening and NoResponse.
    """
    with closing(_Control(folder, timeout)) as connection:
        connection.connect()
        content = None if body is None else json.dumps(body)
        try:
            # A name that somebody typed is part of the path; a query in it is encoded already.
            target = quote(path, safe="/?&=+%:@")
            connection.request(method, target, content, {"content-type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise NoResponse(str(error) or type(error).__name__) from error


class _Control(http.client.HTTPConnection):
    """A connection to the socket in the folder."""

    def __init__(self, folder: StateFolder, timeout: float) -> None:
        super().__init__("sandbox", timeout=timeout)
        self._path = str(folder.control)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError as error:
            raise NotListening(str(error)) from error
