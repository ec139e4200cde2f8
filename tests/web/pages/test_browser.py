"""The dashboard in Debian's Chromium: by keyboard alone, without JavaScript, on a phone, for everybody.

No page may say anything on the console, ask anybody else for anything, or break its own policy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page as Tab
from playwright.sync_api import Route, expect, sync_playwright

from provisioner.web.access.passwords import hash_of
from tests.web.pages.house import BEGUN, House, house, paying, populate

PASSWORD = "correct horse battery"
PATIENCE_MS = 30_000
CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as served:
        served.site.operators.invite("ada", "owner")
        served.site.operators.set_password("ada", hash_of(PASSWORD))
        yield served


@contextmanager
def tab(chromium: Chromium, there: House, *, signed_in: bool = True, **options: object) -> Iterator[Tab]:
    """A window of its own; what it complains of, and whom else it asks, fails the test."""
    context = chromium.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(f"console: {said.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))

    def only_ours(route: Route) -> None:
        if route.request.url.startswith(there.url):
            route.continue_()
        else:
            wrong.append(f"asked: {route.request.url}")
            route.abort()

    page.route("**/*", only_ours)
    if signed_in:
        page.goto(f"{there.url}/sign-in")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{there.url}/")
    yield page
    context.close()
    assert wrong == []


def paths(there: House) -> list[str]:
    dora, ada = there.customer("dora@example.com"), there.customer("ada@example.com")
    customers = [f"/customers/{dora.id}", f"/customers/{ada.id}"]
    return ["/", "/customers", *customers, "/money", "/operations", "/account"]


def test_by_keyboard_alone_somebody_signs_in_and_writes_a_note(chromium: Chromium, there: House) -> None:
    customer = there.add("ada@example.com", name="Ada Lovelace")
    with tab(chromium, there, signed_in=False) as page:
        page.goto(there.url)
        keys = page.keyboard
        keys.type("ada")
        keys.press("Tab")
        keys.type(PASSWORD)
        keys.press("Enter")
        page.wait_for_url(f"{there.url}/")

        keys.press("/")
        keys.type("lovelace")
        keys.press("Enter")
        page.wait_for_url("**/customers?q=lovelace")
        _tab_to(page, "Ada Lovelace")
        keys.press("Enter")
        page.wait_for_url(f"**/customers/{customer.id}")

        _tab_to(page, "A new note")
        keys.type("Prefers mornings")
        keys.press("Tab")
        keys.press("Enter")
        expect(page.get_by_role("status")).to_have_text("The note was added.")
    assert [one.note for one in there.customer(customer.id).notes] == ["Prefers mornings"]


def test_the_setup_is_seen_to_go_on_without_a_key(chromium: Chromium, there: House) -> None:
    customer = there.add("ada@example.com", BEGUN)
    with tab(chromium, there) as page:
        page.goto(f"{there.url}/customers/{customer.id}")
        expect(page.locator("#head .badge")).to_have_text("interrupted")
        page.get_by_label("A new note").fill("being written")
        with there.workspace.store().claim(customer.id, "provision"):
            there.log(customer, step="moltbot", kind="said", text="installs Node")
            expect(page.locator("#head .badge")).to_have_text("running", timeout=PATIENCE_MS)
            expect(page.locator("#setup")).to_contain_text("installs Node", timeout=PATIENCE_MS)
        assert page.get_by_label("A new note").input_value() == "being written"


def test_what_cannot_be_undone_is_pressed_by_who_has_typed_the_address(
    chromium: Chromium, there: House
) -> None:
    populate(there)
    customer = there.customer("ada@example.com")
    with tab(chromium, there) as page:
        page.goto(f"{there.url}/customers/{customer.id}")
        page.get_by_text("Cancel or destroy").click()
        form = page.locator('form[action$="/destroy"]')
        button = form.get_by_role("button")
        expect(button).to_be_disabled()
        form.get_by_label("Type ada@example.com").fill("ada@example.co")
        expect(button).to_be_disabled()
        form.get_by_label("Type ada@example.com").fill("ada@example.com")
        button.click()
        expect(page.get_by_role("status")).to_contain_text("Destroy the server")
    leaving = there.customer(customer.id).leaving
    assert leaving is not None
    assert leaving.by == "ada"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_keeps_anybody_out(chromium: Chromium, there: House, scheme: str) -> None:
    populate(there)
    paying(there)
    with tab(chromium, there, color_scheme=scheme) as page:
        for path in paths(there):
            page.goto(f"{there.url}{path}")
            for one in page.locator("details").all():
                one.evaluate("details => { details.open = true; }")
            found = Axe().run(page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"


def test_a_phone_is_wide_enough_for_every_page(chromium: Chromium, there: House) -> None:
    populate(there)
    paying(there)
    with tab(chromium, there, viewport={"width": 320, "height": 640}) as page:
        for path in paths(there):
            page.goto(f"{there.url}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_without_javascript_everything_is_there(chromium: Chromium, there: House) -> None:
    populate(there)
    with tab(chromium, there, java_script_enabled=False) as page:
        page.goto(there.url)
        page.get_by_role("button", name="Try again for dora@example.com").click()
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{there.url}/sign-in")
    assert [one.workflow for one in there.customer("dora@example.com").requests] == ["provision"]


def _tab_to(page: Tab, name: str) -> None:
    """Press Tab until what has this name is reached."""
    script = """() => {
        const one = document.activeElement;
        const label = one.labels && one.labels.length ? one.labels[0].textContent : one.textContent;
        return label.trim();
    }"""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(script) == name:
            return
    pytest.fail(f"no Tab leads to {name}")
