"""Pages: whoever follows the links has everything once, whatever the size of the pages."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import URL

from provisioner.sandbox.cloud.call import Call
from provisioner.sandbox.cloud.errors import CloudApiError
from provisioner.sandbox.cloud.pagination import SinglePage, paginate
from provisioner.sandbox.cloud.state import Cloud
from provisioner.sandbox.machines.pretend import PretendMachines
from tests.sandbox.cloud.conftest import Api


def page(total: int, query: dict[str, str], single: SinglePage = SinglePage.EMPTY_LINKS) -> dict[str, Any]:
    call = Call(
        cloud=Cloud(PretendMachines(), "t"),
        url=URL("http://host:1/v2/things").include_query_params(**query),
        path={},
        query=query,
        body={},
        faults={},
    )
    answer = paginate(call, "things", list(range(total)), lambda item: item, single)
    body: dict[str, Any] = json.loads(bytes(answer.body))
    return body


def query_of(link: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


@given(
    total=st.integers(0, 450), per_page=st.none() | st.integers(1, 400), single=st.sampled_from(SinglePage)
)
def test_following_next_collects_everything_once(
    total: int, per_page: int | None, single: SinglePage
) -> None:
    query = {"tag_name": "t"} | ({} if per_page is None else {"per_page": str(per_page)})
    collected: list[int] = []
    while True:
        body = page(total, query, single)
        assert body["meta"]["total"] == total
        assert len(body["things"]) <= min(per_page or 20, 200)
        collected += body["things"]
        link = body.get("links", {}).get("pages", {}).get("next")
        if link is None:
            break
        query = query_of(link)
        assert query["tag_name"] == "t"
    assert collected == list(range(total))


@given(total=st.integers(21, 300), number=st.integers(1, 20))
def test_links_name_only_pages_that_make_sense(total: int, number: int) -> None:
    pages = page(total, {"page": str(number)}).get("links", {})["pages"]
    last = -(-total // 20)
    assert ("prev" in pages) == ("first" in pages) == (number > 1)
    assert ("next" in pages) == ("last" in pages) == (number < last)
    for link in pages.values():
        assert 1 <= int(query_of(link)["page"]) <= last


def test_a_single_page_has_the_three_forms_of_the_specification() -> None:
    assert page(3, {}, SinglePage.EMPTY_LINKS)["links"] == {}
    assert page(3, {}, SinglePage.EMPTY_PAGES)["links"] == {"pages": {}}
    assert "links" not in page(3, {}, SinglePage.NO_LINKS)


@pytest.mark.parametrize("name", ["page", "per_page"])
@given(text=st.text().filter(lambda text: not (text.isascii() and text.isdecimal() and int(text) > 0)))
def test_a_page_that_is_no_number_is_a_bad_request(name: str, text: str) -> None:
    with pytest.raises(CloudApiError) as problem:
        page(3, {name: text})
    assert problem.value.status == 400


def test_links_lead_back_to_the_host_that_was_asked(api: Api) -> None:
    for number in range(5):
        assert api.create(f"d{number}").status_code == 202
    seen: list[str] = []
    address: str | None = f"{api.endpoint}droplets/?per_page=2"
    while address:
        assert address.startswith(api.endpoint)
        body = api.http.get(address).json()
        seen += [droplet["name"] for droplet in body["droplets"]]
        address = body["links"].get("pages", {}).get("next")
    assert seen == [f"d{number}" for number in range(5)]


def test_a_small_page_size_makes_many_pages_whatever_is_asked_for(api: Api) -> None:
    for number in range(3):
        assert api.create(f"d{number}").status_code == 202
    api.cloud.options.page_size = 1

    body = api.http.get("droplets/?per_page=200").json()

    assert ([one["name"] for one in body["droplets"]], body["meta"]["total"]) == (["d0"], 3)
    assert query_of(body["links"]["pages"]["last"])["page"] == "3"


def test_catalogues_have_what_the_product_orders(api: Api) -> None:
    def listed(path: str, key: str) -> dict[str, dict[str, Any]]:
        found = api.http.get(path, params={"per_page": 200})
        return {item["slug"]: item for item in found.json()[key]}

    size = listed("sizes", "sizes")["s-1vcpu-2gb"]
    assert (size["price_monthly"], size["disk"], size["available"]) == (12.0, 50, True)
    assert "sfo3" in size["regions"]
    assert "s-1vcpu-2gb" in listed("regions", "regions")["sfo3"]["sizes"]
    assert listed("images?type=distribution", "images")["debian-12-x64"]["distribution"] == "Debian"
    assert api.http.get("images/debian-12-x64").json()["image"]["public"] is True
    assert api.http.get("1-clicks?type=droplet").json() == {"1_clicks": []}


def test_what_is_sold_out_is_not_offered(api: Api) -> None:
    api.cloud.options.sold_out = ("s-1vcpu-2gb", "sfo2")
    sizes = {size["slug"]: size for size in api.http.get("sizes").json()["sizes"]}
    assert sizes["s-1vcpu-2gb"]["available"] is False
    assert "sfo2" not in sizes["s-1vcpu-1gb"]["regions"]
    refused: httpx.Response = api.create(size="s-1vcpu-2gb")
    assert refused.json()["message"] == "Size is not available in this region."
