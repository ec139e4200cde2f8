"""Tags and what carries them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from provisioner.sandbox.cloud.names import DropletName, TagName
from tests.sandbox.cloud.conftest import Api


def test_a_tag_keeps_its_first_spelling(api: Api) -> None:
    assert api.http.post("tags", json={"name": "Prod"}).status_code == 201
    again = api.http.post("tags", json={"name": "prod"})
    assert (again.status_code, again.json()["tag"]["name"]) == (201, "Prod")
    assert api.http.get("tags/prod").status_code == 404
    assert api.http.get("tags/Prod").json()["tag"]["resources"]["count"] == 0
    assert "links" not in api.http.get("tags").json()


def test_droplets_are_tagged_and_untagged(api: Api) -> None:
    api.http.post("tags", json={"name": "t"})
    droplet = api.created()
    body = {"resources": [{"resource_id": str(droplet["id"]), "resource_type": "droplet"}]}
    assert api.http.post("tags/t/resources/", json=body).status_code == 204
    tag = api.http.get("tags/t").json()["tag"]
    assert tag["resources"]["droplets"]["count"] == 1
    assert tag["resources"]["last_tagged_uri"] == f"{api.endpoint}droplets/{droplet['id']}"
    assert api.http.request("DELETE", "tags/t/resources", json=body).status_code == 204
    assert api.droplet(droplet["id"])["tags"] == []


def test_deleting_a_tag_takes_it_off_its_droplets(api: Api) -> None:
    droplet = api.created(tags=["gone", "stays"])
    assert api.http.delete("tags/gone").status_code == 204
    assert api.droplet(droplet["id"])["tags"] == ["stays"]
    assert api.http.delete("tags/gone").status_code == 404


def test_what_is_not_there_cannot_be_tagged(api: Api) -> None:
    api.http.post("tags", json={"name": "t"})
    for resource in (
        {"resource_id": "1", "resource_type": "droplet"},
        {"resource_id": "x", "resource_type": "volume"},
    ):
        assert api.http.post("tags/t/resources", json={"resources": [resource]}).status_code == 422


@given(st.from_regex(r"[a-zA-Z0-9_\-:]{1,255}", fullmatch=True))
def test_every_tag_of_the_documented_form_is_accepted(name: str) -> None:
    assert TypeAdapter(TagName).validate_python(name) == name


@given(
    st.from_regex(r"[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]", fullmatch=True).filter(lambda n: len(n) < 256)
)
def test_every_name_of_the_documented_form_is_accepted(name: str) -> None:
    assert TypeAdapter(DropletName).validate_python(name) == name


@pytest.mark.parametrize("name", ["", "ends-", "dot.", "a b", "ä", "a\n", "-" * 3, "a" * 256])
def test_other_names_are_not(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(DropletName).validate_python(name)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "ä", "a\n", "a" * 256])
def test_other_tags_are_not(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(TagName).validate_python(name)
