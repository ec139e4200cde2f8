"""What goes over the wire: one request for one droplet, no other host, no secret, no endless wait."""

import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import digitalocean
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from provisioner.services.digitalocean import client as module
from provisioner.services.digitalocean import transport as transport
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import CloudCallError, NoAnswer, TooManyRequests
from provisioner.ssh.keys import generate_keypair
from tests.clouds import TOKEN, FastCloud
from tests.services.digitalocean.test_client import SPEC, some_droplets
from tests.services.test_mail import self_signed
from tests.serving import serving
from tests.steps.support import FastClock


def test_the_library_still_has_the_hook_and_sends_everything_through_ours(
    cloud: FastCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    hook = transport.RetryingTransport._BaseAPI__perform_request

    def watched(self: Any, url: str, method: str = "GET", params: Any = None) -> Any:
        asked.append((method, url.rpartition("/v2/")[2]))
        return hook(self, url, method, params)

    monkeypatch.setattr(transport.RetryingTransport, "_BaseAPI__perform_request", watched)
    monkeypatch.setattr(module, "PER_PAGE", 1)
    some_droplets(cloud, 2)
    client = cloud.client()
    client.droplets_tagged("provisioner")
    client.delete_droplet(str(cloud.droplets[0].id))

    assert callable(digitalocean.baseapi.BaseAPI._BaseAPI__perform_request)
    methods = [method for method, _ in asked]
    assert methods == ["POST", "POST", "GET", "GET", "DELETE"]
    assert cloud.requests() == len(asked)


@pytest.mark.parametrize(
    ("kind", "params", "made"),
    [
        ("drop_after_effect", {}, 1),
        ("truncate", {}, 1),
        ("reset", {}, 0),
        ("html", {"status": 504}, 0),
        ("status", {"status": 500}, 0),
        ("status", {"status": 503, "retry_after": 1}, 0),
        ("status", {"status": 409}, 0),
    ],
)
def test_an_uncertain_creation_is_asked_once_and_said_to_be_uncertain(
    cloud: FastCloud, kind: str, params: dict[str, Any], made: int
) -> None:
    cloud.fault(kind, "POST", "droplets$", count=None, params=params)

    with pytest.raises(CloudCallError) as error:
        cloud.client().create_droplet(SPEC)

    assert error.value.report.sent
    assert cloud.requests("POST", "/v2/droplets") == 1
    assert len(cloud.droplets) == made


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
def test_a_refused_creation_is_asked_once_and_surely_made_nothing(cloud: FastCloud, status: int) -> None:
    cloud.fault("no_error_id", "POST", "droplets$", count=None, params={"status": status})

    with pytest.raises(CloudCallError) as error:
        cloud.client().create_droplet(SPEC)

    assert not error.value.report.sent
    assert error.value.report.code == ""
    assert cloud.requests("POST", "/v2/droplets") == 1


@pytest.mark.parametrize("call", ["droplet", "delete_droplet"])
def test_what_can_be_repeated_is_repeated_until_it_succeeds(cloud: FastCloud, call: str) -> None:
    [droplet_id] = some_droplets(cloud, 1)
    for kind in ("reset", "html", "truncate", "drop_after_effect", "status"):
        if call == "delete_droplet" and kind == "truncate":
            continue
        params = {"status": 500} if kind == "status" else {}
        cloud.fault(kind, path=rf"droplets/{droplet_id}", params=params)

    getattr(cloud.client(), call)(droplet_id)

    assert len(cloud.clock.waited) >= 2


def test_repeating_ends(cloud: FastCloud) -> None:
    cloud.fault("reset", count=None)

    with pytest.raises(NoAnswer) as error:
        cloud.client(patience=60).account()

    assert error.value.retry
    assert 30 < sum(cloud.clock.waited) <= 60


def test_a_limit_without_a_wait_is_waited_for_until_it_is_reset(cloud: FastCloud) -> None:
    reset = str(int(cloud.clock.time()) + 40)
    headers = {"ratelimit-limit": "5000", "ratelimit-remaining": "0", "ratelimit-reset": reset}
    cloud.fault("status", params={"status": 429, "headers": headers})

    cloud.client().account()

    [waited] = cloud.clock.waited
    assert 20 < waited <= 41


def test_the_rest_of_the_budget_is_reported(cloud: FastCloud) -> None:
    headers = {"ratelimit-limit": "5000", "ratelimit-remaining": "0", "ratelimit-reset": "1800000000"}
    cloud.fault("status", params={"status": 429, "retry_after": 900, "headers": headers})

    with pytest.raises(TooManyRequests) as error:
        cloud.client().account()

    limit = error.value.report.ratelimit
    assert limit is not None
    assert (limit.limit, limit.remaining, limit.reset) == (5000, 0, 1800000000)


def test_a_silent_api_is_left_after_the_read_timeout(
    cloud: FastCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    cloud.fault("delay", "POST", "droplets$", params={"seconds": 1.5})

    with pytest.raises(NoAnswer, match="no answer within") as error:
        cloud.client().create_droplet(SPEC)

    assert error.value.report.sent
    assert cloud.requests("POST", "/v2/droplets") <= 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_refused_connection_surely_sent_nothing() -> None:
    client = DigitalOcean(TOKEN, f"http://127.0.0.1:{free_port()}/v2/", clock=FastClock())

    with pytest.raises(NoAnswer, match="no connection") as error:
        client.create_droplet(SPEC)

    assert not error.value.report.sent
    assert error.value.retry


def test_an_earlier_refusal_does_not_make_a_later_loss_look_harmless(cloud: FastCloud) -> None:
    """Inside an `except` of a connection that surely sent nothing, another request is lost."""
    cloud.fault("drop_after_effect", "POST", "droplets$")
    refused = DigitalOcean(TOKEN, f"http://127.0.0.1:{free_port()}/v2/", clock=FastClock())
    try:
        refused.create_droplet(SPEC)
    except NoAnswer:
        with pytest.raises(NoAnswer) as error:
            cloud.client().create_droplet(SPEC)

    assert error.value.report.sent


def answering(answer: Callable[[Request], Response]) -> Starlette:
    routes = [Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])]
    return Starlette(routes=routes)


def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    def answer(request: Request) -> Response:
        seen.append(f"{request.method} {request.url.path}")
        return RedirectResponse("/v2/elsewhere", 301)

    with serving(answering(answer)) as root:
        client = DigitalOcean(TOKEN, f"{root}/v2/", clock=FastClock())
        with pytest.raises(CloudCallError, match="redirect"):
            client.create_droplet(SPEC)

    assert seen == ["POST /v2/droplets"]


def test_a_next_page_elsewhere_does_not_get_the_token() -> None:
    seen: list[str] = []

    def elsewhere(request: Request) -> Response:
        seen.append(request.headers.get("authorization", ""))
        return JSONResponse({"sizes": [], "meta": {"total": 0}})

    with serving(answering(elsewhere)) as other:

        def answer(_request: Request) -> Response:
            pages = {"next": f"{other}/v2/sizes?page=2"}
            return JSONResponse({"sizes": [], "links": {"pages": pages}, "meta": {"total": 1}})

        with serving(answering(answer)) as root:
            client = DigitalOcean(TOKEN, f"{root}/v2/", clock=FastClock())
            with pytest.raises(CloudCallError, match="another host"):
                client.sizes()

    assert seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"<html></html>",
        b"{}",
        b'{"droplet": null}',
        b'{"droplet": {"id": 7}}',
        b'{"droplet": {"id": 7}, "links": null}',
        b'{"droplet": {"id": 7}, "links": {"pages": null}}',
    ],
)
def test_an_accepted_creation_that_cannot_be_read_is_uncertain(body: bytes) -> None:
    with serving(answering(lambda _: Response(body, 202, media_type="application/json"))) as root:
        client = DigitalOcean(TOKEN, f"{root}/v2/", clock=FastClock())
        with pytest.raises(NoAnswer, match="not in the API's form") as error:
            client.create_droplet(SPEC)

    assert error.value.report.sent


@contextmanager
def an_encrypted_account(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """An API whose certificate nobody has reason to trust, and what came in there."""
    came: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.headers.get("Authorization", ""))
            account = {"email": "x", "uuid": "x", "status": "active", "droplet_limit": 1}
            body = json.dumps({"account": account}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.socket = self_signed(folder).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}/v2/", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_token_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FastClock()
    with an_encrypted_account(tmp_path) as (endpoint, came):
        with pytest.raises(NoAnswer, match="the certificate of the API is not trusted") as error:
            DigitalOcean(TOKEN, endpoint, clock=clock).account()

        assert came == []
        assert not error.value.retry
        assert clock.waited == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
        assert DigitalOcean(TOKEN, endpoint, clock=clock).account().status == "active"
        assert came == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize(
    ("kind", "params"),
    [("drop_after_effect", {}), ("truncate", {}), ("html", {"status": 504}), ("status", {"status": 500})],
)
@pytest.mark.parametrize("path", ["account/keys", "firewalls", "tags"])
def test_no_post_is_repeated_after_it_was_sent(
    cloud: FastCloud, path: str, kind: str, params: dict[str, Any]
) -> None:
    """Whatever it makes: two of it may be there then."""
    cloud.fault(kind, "POST", f"{path}/?$", count=None, params=params)
    client = cloud.client()

    with suppress(CloudCallError):
        if path == "account/keys":
            client.ensure_ssh_key(generate_keypair("operator").public, "provisioner")
        else:
            client.ensure_firewall("provisioner")

    assert cloud.requests("POST", f"/v2/{path}") == 1


def test_nothing_from_the_environment_replaces_the_token(
    cloud: FastCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "another")
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", "http://127.0.0.1:9/v2/")

    assert cloud.client().account().status == "active"


def test_no_secret_is_logged_or_shown(cloud: FastCloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "-----BEGIN OPENSSH PRIVATE KEY-----"
    spec = module.DropletSpec("a", "sfo3", "s-1vcpu-2gb", "debian-12-x64", (), (), secret)
    cloud.fault("drop_after_effect", "POST", "droplets$")
    client = cloud.client()

    with pytest.raises(NoAnswer) as error:
        client.create_droplet(spec)

    shown = "".join(traceback.format_exception(error.value)) + caplog.text + repr(spec)
    assert secret not in shown
    assert TOKEN not in shown
    assert not logging.getLogger("digitalocean").isEnabledFor(logging.DEBUG)
