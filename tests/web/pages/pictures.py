"""Makes the pictures of the dashboard in docs/: `python -m tests.web.pages.pictures`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.web.pages.house import House, house, paying, populate
from tests.web.pages.test_browser import CHROMIUM, OPTIONS

_FOLDER = Path(__file__).parents[3] / "docs" / "pictures"
_WIDE, _PHONE = (1100, 700), (390, 760)


def _pictures(there: House) -> list[tuple[str, str, str, tuple[int, int]]]:
    """Each picture's name, page, scheme and size."""
    return [
        ("today", "/", "light", _WIDE),
        ("customer-dark", f"/customers/{there.customer('dora@example.com').id}", "dark", _WIDE),
        ("phone", "/", "dark", _PHONE),
        ("money", "/money", "light", _WIDE),
    ]


def main() -> None:
    """Write all of them."""
    _FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        house(Path(folder)) as there,
        sync_playwright() as playwright,
    ):
        populate(there)
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        for name, path, scheme, (width, height) in _pictures(there):
            if path == "/money":
                paying(there)
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                timezone_id="UTC",
            )
            page = context.new_page()
            page.goto(f"{there.url}/sign-in/{there.site.operators.invite('ada', 'owner')[1]}")
            page.get_by_role("button").click()
            page.goto(f"{there.url}{path}")
            page.screenshot(path=str(_FOLDER / f"{name}.png"), animations="disabled")
            context.close()
            print(_FOLDER / f"{name}.png", file=sys.stderr)
        browser.close()


if __name__ == "__main__":
    main()
