"""The sandbox's own interface, on the Unix socket in its folder: for the command line, tests and the demo."""

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provisioner.errors import SandboxError
from provisioner.sandbox.cloud.options import CloudOptions
from provisioner.sandbox.cloud.state import Droplet
from provisioner.sandbox.control.assembly import Assembly
from provisioner.sandbox.control.openrouter import openrouter_routes
from provisioner.sandbox.control.people import people_routes
from provisioner.sandbox.control.stripe import stripe_routes
from provisioner.sandbox.faults.rules import Rule
from provisioner.validation import explain

Reply = Callable[[Request], Awaitable[Response]]


def control_app(assembly: Assembly, stop: Callable[[], None]) -> Starlette:
    """Everything about the running sandbox; `stop` is called when somebody asks it to end."""
    return Starlette(
        routes=[
            *_process_routes(assembly, stop),
            *_fault_routes(assembly),
            *_cloud_routes(assembly),
            *people_routes(assembly),
            *stripe_routes(assembly),
            *openrouter_routes(assembly),
        ],
        exception_handlers={SandboxError: _refused, ValidationError: _invalid},
    )


def _process_routes(assembly: Assembly, stop: Callable[[], None]) -> list[Route]:
    async def status(_request: Request) -> Response:
        return JSONResponse(
            {
                "pid": os.getpid(),
                "state": str(assembly.folder.path),
                "pretend": assembly.options.pretend,
                "uptime": time.time() - assembly.started_at,
                "addresses": list(assembly.addresses),
                "port": assembly.http_port,
                "smtp_port": assembly.mailbox.port,
                "droplets": _droplets(assembly),
            }
        )

    async def environment(_request: Request) -> Response:
        return JSONResponse(assembly.environment())

    async def end(_request: Request) -> Response:
        stop()
        return Response(status_code=202)

    return [
        Route("/status", status),
        Route("/env", environment),
        Route("/stop", end, methods=["POST"]),
    ]


def _fault_routes(assembly: Assembly) -> list[Route]:
    book = assembly.book

    async def index(_request: Request) -> Response:
        return JSONResponse([fault.model_dump() for fault in book.all()])

    async def add(request: Request) -> Response:
        rule = Rule.model_validate_json(await request.body())
        if rule.service == "server" and assembly.options.pretend:
            raise SandboxError("add a fault", whom=rule.kind, cause="no machines are behind these droplets")
        fault = book.add(rule)
        return JSONResponse(fault.model_dump(), 201)

    async def clear(request: Request) -> Response:
        book.clear(request.path_params.get("fault"))
        return Response(status_code=204)

    async def requests(_request: Request) -> Response:
        return JSONResponse([row.model_dump() for row in book.requests()])

    async def busiest(request: Request) -> Response:
        seconds = float(request.query_params.get("seconds", "60"))
        return JSONResponse({"count": book.busiest(request.path_params["service"], seconds)})

    async def forget(_request: Request) -> Response:
        book.reset_counts()
        return Response(status_code=204)

    return [
        Route("/faults", index, methods=["GET"]),
        Route("/faults", add, methods=["POST"]),
        Route("/faults", clear, methods=["DELETE"]),
        Route("/faults/{fault:int}", clear, methods=["DELETE"]),
        Route("/counts", requests, methods=["GET"]),
        Route("/counts", forget, methods=["DELETE"]),
        Route("/counts/{service}/busiest", busiest, methods=["GET"]),
    ]


def _cloud_routes(assembly: Assembly) -> list[Route]:
    cloud = assembly.cloud

    async def options(_request: Request) -> Response:
        return JSONResponse(cloud.options.model_dump())

    async def set_options(request: Request) -> Response:
        with cloud.lock:
            cloud.options = CloudOptions.model_validate(
                {**cloud.options.model_dump(), **await request.json()}
            )
        return JSONResponse(cloud.options.model_dump())

    async def fresh_limits(_request: Request) -> Response:
        with cloud.lock:
            cloud.limits.clear()
        return Response(status_code=204)

    async def droplets(_request: Request) -> Response:
        return JSONResponse(_droplets(assembly))

    async def memory(request: Request) -> Response:
        use = cloud.machines.memory(request.path_params["droplet"])
        return JSONResponse(asdict(use) if use else None)

    return [
        Route("/droplets/{droplet:int}/memory", memory),
        Route("/cloud", options, methods=["GET"]),
        Route("/cloud", set_options, methods=["PATCH"]),
        Route("/cloud/limits", fresh_limits, methods=["DELETE"]),
        Route("/droplets", droplets),
    ]


def _droplets(assembly: Assembly) -> list[dict[str, Any]]:
    """What truly is, without lags: also droplets that the API does not list yet."""
    cloud = assembly.cloud
    with cloud.lock:
        return [_droplet(droplet) for droplet in cloud.droplets.values()]


def _droplet(droplet: Droplet) -> dict[str, Any]:
    return {
        "id": droplet.id,
        "name": droplet.name,
        "status": droplet.status,
        "address": droplet.address,
        "tags": droplet.tags,
        "size": droplet.size.slug,
        "region": droplet.region.slug,
        "image": droplet.image.key,
        "created_at": droplet.created_at,
        "user_data": droplet.user_data,
        "inbound": droplet.inbound,
    }


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SandboxError)
    body = {"doing": error.doing, "whom": error.whom, "cause": error.cause, "hint": error.hint}
    return JSONResponse(body, 409)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    said = {"doing": "change the sandbox", "whom": None, "cause": explain(error), "hint": None}
    return JSONResponse(said, 422)
