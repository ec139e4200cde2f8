"""Pages of a list: 20 items unless asked otherwise, at most 200, with absolute links to the others.

The specification shows three forms of `links` for a list that fits in one page; each resource here has
one of them, so that clients meet all three. A larger `per_page` than 200 counts as 200, a page after the
last is empty: neither is specified. The option `page_size` makes the most fewer.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeVar

from starlette.responses import JSONResponse

from provisioner.sandbox.cloud.call import Call, answer
from provisioner.sandbox.cloud.errors import bad_request

DEFAULT_PER_PAGE = 20

Item = TypeVar("Item")


class SinglePage(Enum):
    """What a list that fits in one page says about others."""

    EMPTY_LINKS = "empty links"
    EMPTY_PAGES = "empty pages"
    NO_LINKS = "no links"


def paginate(
    call: Call,
    name: str,
    items: Sequence[Item],
    render: Callable[[Item], Any],
    single: SinglePage = SinglePage.EMPTY_LINKS,
    more: Mapping[str, Any] = MappingProxyType({}),
    gather: Callable[[list[Any]], Any] = list,
) -> JSONResponse:
    """The page of `items` that the call asks for, under `name`; `more` stands beside it on every page.

    `gather` makes something else of a page's items than a list.
    """
    page = _positive(call, "page", 1)
    per_page = min(_positive(call, "per_page", DEFAULT_PER_PAGE), call.cloud.options.page_size)
    last = max(1, math.ceil(len(items) / per_page))
    shown = items[(page - 1) * per_page : page * per_page]
    body: dict[str, Any] = {
        name: gather([render(item) for item in shown]),
        **more,
        "meta": {"total": len(items)},
    }
    links = _links(call, page, per_page, last, single)
    if links is not None:
        body["links"] = links
    return answer(body)


def _links(call: Call, page: int, per_page: int, last: int, single: SinglePage) -> dict[str, Any] | None:
    if last == 1 and page == 1:
        return {SinglePage.EMPTY_LINKS: {}, SinglePage.EMPTY_PAGES: {"pages": {}}, SinglePage.NO_LINKS: None}[
            single
        ]
    targets: dict[str, int] = {}
    if page > 1:
        targets |= {"first": 1, "prev": min(page - 1, last)}
    if page < last:
        targets |= {"next": page + 1, "last": last}
    return {"pages": {rel: _page_link(call, number, per_page) for rel, number in targets.items()}}


def _page_link(call: Call, page: int, per_page: int) -> str:
    return str(call.url.include_query_params(page=page, per_page=per_page))


def _positive(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or int(text[:9]) < 1:
        raise bad_request(f"{name} must be a positive number")
    return int(text[:9])
