"""One request as the resources see it: authenticated, its body read, its links known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import URL
from starlette.responses import JSONResponse, Response

from provisioner.sandbox.cloud.errors import not_found, unprocessable
from provisioner.sandbox.cloud.state import Cloud, Droplet

Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    cloud: Cloud
    url: URL
    path: Mapping[str, Any]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    faults: Mapping[str, Mapping[str, Any]]
    """Faults that the cloud itself has to act out, by kind, with their parameters."""

    def link(self, path: str) -> str:
        """An absolute address of this API, on the host that the caller used."""
        return str(self.url.replace(path=f"/v2/{path}", query="", fragment=""))

    def droplet(self) -> Droplet:
        """The droplet that the path names, or a 404."""
        droplet = self.cloud.droplets.get(self.path["droplet"])
        if droplet is None:
            raise not_found()
        self.cloud.notice_halt(droplet)
        return droplet

    def form(self, model: type[Form]) -> Form:
        """The body as a model, or the 422 that names the first thing wrong in it."""
        try:
            return model.model_validate(self.body)
        except ValidationError as error:
            raise unprocessable(_first_complaint(error)) from None


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Endpoint:
    """A method and a path below `/v2`, without a trailing slash; `handle` runs under the cloud's lock."""

    method: str
    path: str
    handle: Handler


def answer(body: Mapping[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status_code=status)


def nothing() -> Response:
    return Response(status_code=204)


def _first_complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "value_error":
        return message
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {message}"
