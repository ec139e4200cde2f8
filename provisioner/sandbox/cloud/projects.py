"""Projects: every droplet is in one, a new one in the default project.

Of the resources that a project can have, this cloud has droplets only. That the default project cannot be
deleted, like one with resources in it, is our choice.
"""

import re
import uuid
from collections.abc import Iterable
from typing import Any, Final, Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from provisioner.sandbox.cloud.account import OWNER
from provisioner.sandbox.cloud.call import Call, Endpoint, answer, nothing
from provisioner.sandbox.cloud.errors import conflict, not_found, precondition_failed, unprocessable
from provisioner.sandbox.cloud.pagination import paginate
from provisioner.sandbox.cloud.state import Assignment, Cloud, Droplet, Project
from provisioner.sandbox.cloud.usage import urn_of

_DEFAULT: Final = "default"
_PURPOSES: Final = frozenset(
    {
        "Just trying out DigitalOcean",
        "Class project / Educational purposes",
        "Website or blog",
        "Web Application",
        "Service or API",
        "Mobile Application",
        "Machine learning / AI / Data processing",
        "IoT",
        "Operational / Developer tooling",
    }
)
_URN: Final = re.compile(r"do:[a-z]+:.+")
_DROPLET: Final = re.compile(r"do:droplet:(\d{1,15})")
Environment = Literal["", "Development", "Staging", "Production"]


class NewProject(BaseModel):
    name: str = Field(min_length=1, max_length=175)
    purpose: str = Field(min_length=1, max_length=255)
    description: str = Field(default="", max_length=255)
    environment: Environment = ""


class WholeProject(NewProject):
    """The body of a PUT: nothing may be missing."""

    description: str = Field(max_length=255)
    environment: Environment
    is_default: bool


class ProjectChange(BaseModel):
    """The body of a PATCH: what it does not name stays."""

    name: str | None = Field(default=None, min_length=1, max_length=175)
    purpose: str | None = Field(default=None, min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=255)
    environment: Environment | None = None
    is_default: bool | None = None


class Urns(BaseModel):
    resources: list[str]


def index(call: Call) -> Response:
    return paginate(call, "projects", list(call.cloud.projects.values()), lambda one: _render(call, one))


def create(call: Call) -> Response:
    form, cloud = call.form(NewProject), call.cloud
    _demand_free(cloud, form.name)
    now = cloud.timestamp()
    project = Project(
        id=str(uuid.uuid4()),
        name=form.name,
        description=form.description,
        purpose=_stored(form.purpose),
        environment=form.environment,
        created_at=now,
        updated_at=now,
    )
    cloud.projects[project.id] = project
    return answer({"project": _render(call, project)}, 201)


def show(call: Call) -> Response:
    return answer({"project": _render(call, _asked(call))})


def replace(call: Call) -> Response:
    return _change(call, call.form(WholeProject).model_dump())


def update(call: Call) -> Response:
    return _change(call, call.form(ProjectChange).model_dump(exclude_none=True))


def delete(call: Call) -> Response:
    project = _asked(call)
    if project.id == call.cloud.default_project or _urns_in(
        call.cloud, project, call.cloud.droplets.values()
    ):
        raise precondition_failed(
            "cannot delete a project with resources. move or remove the resources first"
        )
    del call.cloud.projects[project.id]
    return nothing()


def resources(call: Call) -> Response:
    shown = _urns_in(call.cloud, _asked(call), call.cloud.listed())
    return paginate(call, "resources", shown, lambda urn: _render_resource(call, urn, "ok"))


def assign(call: Call) -> Response:
    """Each resource is answered for itself: one that is not there is `not_found`, and the others move."""
    project = _asked(call)
    urns = call.form(Urns).resources
    bad = next((urn for urn in urns if not _URN.fullmatch(urn)), None)
    if bad is not None:
        raise unprocessable(f"{bad} is not a valid URN")
    return answer({"resources": [_move(call, project, urn) for urn in urns]})


def _move(call: Call, project: Project, urn: str) -> dict[str, Any]:
    cloud = call.cloud
    named = _DROPLET.fullmatch(urn)
    if named is None or int(named[1]) not in cloud.droplets:
        return {"urn": urn, "status": "not_found"}
    if cloud.assignments[urn].project_id == project.id:
        return _render_resource(call, urn, "already_assigned")
    cloud.assignments[urn] = Assignment(project.id, cloud.timestamp())
    return _render_resource(call, urn, "assigned")


def _change(call: Call, values: dict[str, Any]) -> Response:
    project, cloud = _asked(call), call.cloud
    if values.get("name", project.name) != project.name:
        _demand_free(cloud, values["name"])
    if "purpose" in values:
        values["purpose"] = _stored(values["purpose"])
    if values.pop("is_default", False):
        cloud.default_project = project.id
    for name, value in values.items():
        setattr(project, name, value)
    project.updated_at = cloud.timestamp()
    return answer({"project": _render(call, project)})


def _stored(purpose: str) -> str:
    return purpose if purpose in _PURPOSES or purpose.startswith("Other: ") else f"Other: {purpose}"


def _demand_free(cloud: Cloud, name: str) -> None:
    if any(project.name == name for project in cloud.projects.values()):
        raise conflict("name is already in use")


def _urns_in(cloud: Cloud, project: Project, droplets: Iterable[Droplet]) -> list[str]:
    urns = (urn_of(droplet.id) for droplet in droplets)
    return [urn for urn in urns if cloud.assignments[urn].project_id == project.id]


def _asked(call: Call) -> Project:
    wanted = str(call.path.get("project", _DEFAULT))
    project = call.cloud.projects.get(call.cloud.default_project if wanted == _DEFAULT else wanted)
    if project is None:
        raise not_found()
    return project


def _render(call: Call, project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "owner_uuid": OWNER["uuid"],
        "owner_id": 258992,
        "name": project.name,
        "description": project.description,
        "purpose": project.purpose,
        "environment": project.environment,
        "is_default": project.id == call.cloud.default_project,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def _render_resource(call: Call, urn: str, status: str) -> dict[str, Any]:
    return {
        "urn": urn,
        "assigned_at": call.cloud.assignments[urn].at,
        "links": {"self": call.link(f"droplets/{urn.rpartition(':')[2]}")},
        "status": status,
    }


ENDPOINTS = (
    Endpoint("GET", "/projects", index),
    Endpoint("POST", "/projects", create),
    Endpoint("GET", "/projects/{project}", show),
    Endpoint("PUT", "/projects/{project}", replace),
    Endpoint("PATCH", "/projects/{project}", update),
    Endpoint("DELETE", "/projects/{project}", delete),
    Endpoint("GET", "/projects/{project}/resources", resources),
    Endpoint("POST", "/projects/{project}/resources", assign),
)
