"""The Node release archive under the layout of the real one: `/v<version>/<file>`."""

import re
from pathlib import Path
from threading import Lock

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import node_archive
from provisioner.sandbox.machines.cache import Say

_VERSION = re.compile(r"\d+\.\d+\.\d+")


def node_app(cache: Path, say: Say) -> Starlette:
    """Serves every release that the machine's own package sources can give; fetched when first asked for."""
    building = Lock()

    def release(version: str) -> Path:
        with building:
            return node_archive.ensure(cache, version, say)

    async def file(request: Request) -> Response:
        version, name = request.path_params["version"], request.path_params["file"]
        if not _VERSION.fullmatch(version):
            return PlainTextResponse("404 Not Found", 404)
        try:
            release_folder = await run_in_threadpool(release, version)
        except SandboxError as error:
            say(error.summary)
            return PlainTextResponse(error.summary, 503)
        path = release_folder / name
        return FileResponse(path) if path.is_file() else PlainTextResponse("404 Not Found", 404)

    return Starlette(routes=[Route("/v{version}/{file}", file, methods=["GET"])])
