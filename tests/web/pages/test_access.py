"""Who is let in, to what, from where; over real HTTP."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from provisioner.settings import WebSettings
from provisioner.web.access.passwords import hash_of
from provisioner.web.access.roles import RIGHTS, Role
from provisioner.web.pages.catalog import ALL
from tests.web.pages.house import COMPLETE, Browser, House, house

PASSWORD = "correct horse battery"
OPEN = {("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/sign-in/{token}"), ("POST", "/sign-in/link")}


def with_password(there: House, name: str = "ada", role: Role = "owner") -> None:
    there.site.operators.invite(name, role)
    there.site.operators.set_password(name, hash_of(PASSWORD))


def sign_in(there: House, browser: Browser, name: str = "ada", password: str = PASSWORD) -> httpx.Response:
    return browser.post("/sign-in", name=name, password=password)


def is_in(browser: Browser) -> bool:
    return browser.get("/account").url.path == "/account"


def test_every_page_but_signing_in_is_for_those_who_are_signed_in() -> None:
    assert {(one.method, one.path) for one in ALL if one.right is None} == OPEN | {("POST", "/sign-out")}


def is_session(there: House, session: str) -> bool:
    """Whether whoever has this id is signed in."""
    answer = there.stranger().http.get("/account", headers={"cookie": f"provisioner={session}"})
    return answer.url.path == "/account"


def test_nobody_sees_a_page_without_signing_in(there: House) -> None:
    customer = there.add("ada@example.com")
    browser = there.stranger()
    for page in ALL:
        if page.right is None:
            continue
        path = page.path.replace("{id}", customer.id)
        answer = browser.get(path) if page.method == "GET" else browser.post(path, note="x", value="1")
        assert answer.url.path == "/sign-in", path
        assert "ada@example.com" not in answer.text
    assert there.customer(customer.id) == customer


@pytest.mark.parametrize("role", RIGHTS)
def test_each_role_gets_what_it_may_and_no_more(there: House, role: Role) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    there.site.operators.invite("owner", "owner")
    browser = there.browser(role, role)
    for page in ALL:
        if page.right is None or page.right in RIGHTS[role]:
            continue
        path = page.path.replace("{id}", customer.id)
        form: dict[str, Any] = {"note": "x", "address": customer.email}
        answer = browser.get(path) if page.method == "GET" else browser.post(path, **form)
        assert answer.status_code == 403, page.path
    assert there.customer(customer.id) == customer
    looked = [one.path for one in ALL if one.method == "GET" and one.right in RIGHTS[role]]
    for path in looked:
        assert browser.get(path.replace("{id}", customer.id)).status_code == 200
    assert "/" in looked


def test_who_may_not_see_money_does_not(there: House) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    there.site.operators.invite("owner", "owner")
    support = there.browser("ben", "support").get(f"/customers/{customer.id}").text
    assert "$89.99" not in support
    assert "Cancel" not in support
    assert "$89.99" in there.browser("owner").get(f"/customers/{customer.id}").text


def test_a_role_that_is_taken_away_is_gone_at_once(there: House) -> None:
    there.site.operators.invite("owner", "owner")
    browser = there.browser("ben", "owner")
    assert browser.get("/money").status_code == 200
    there.site.operators.invite("ben", "support")
    assert browser.get("/money").status_code == 403
    there.site.operators.remove("ben")
    assert not is_in(browser)


def test_a_password_lets_in_and_a_wrong_one_does_not(there: House) -> None:
    with_password(there)
    browser = there.stranger()
    for name, password in (("ada", "wrong password!"), ("nobody", PASSWORD), ("", "")):
        answer = sign_in(there, browser, name, password)
        assert (answer.status_code, "The name or the password is wrong." in answer.text) == (401, True)
        assert not is_in(browser)
    assert sign_in(there, browser, "ADA").status_code == 200
    assert is_in(browser)
    assert PASSWORD not in "".join(there.said)


def test_who_has_no_password_does_not_get_in_with_an_empty_one(there: House) -> None:
    there.site.operators.invite("ada", "owner")
    assert sign_in(there, there.stranger(), password="").status_code == 401


def test_the_session_that_a_browser_brings_is_never_made_one(there: House) -> None:
    with_password(there)
    browser = there.stranger()
    answer = browser.http.post(
        "/sign-in",
        data={"name": "ada", "password": PASSWORD},
        headers={"cookie": "provisioner=chosen-by-another", "sec-fetch-site": "same-origin"},
    )
    assert answer.status_code == 200
    assert browser.http.cookies["provisioner"] != "chosen-by-another"
    assert not is_session(there, "chosen-by-another")


def test_signing_in_anew_ends_the_session_before(there: House) -> None:
    with_password(there)
    browser = there.stranger()
    sign_in(there, browser)
    before = browser.http.cookies["provisioner"]
    sign_in(there, browser)
    assert not is_session(there, before)
    assert is_in(browser)


def test_signing_out_ends_the_session_on_the_server(there: House) -> None:
    browser = there.browser()
    before = browser.http.cookies["provisioner"]
    browser.post("/sign-out")
    assert not is_in(browser)
    assert not is_session(there, before)


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(there: House) -> None:
    _, token = there.site.operators.invite("ada", None)
    answer = httpx.post(
        f"{there.url}/sign-in/link", data={"token": token}, headers={"sec-fetch-site": "same-origin"}
    )
    said = answer.headers["set-cookie"].lower()
    assert answer.status_code == 303
    assert "httponly" in said
    assert "samesite=lax" in said
    assert "secure" not in said, "on this machine there is no TLS"


def test_behind_a_proxy_the_cookie_goes_over_tls_alone(tmp_path: Path) -> None:
    with house(tmp_path, web=WebSettings(address="https://desk.example.com")) as there:
        _, token = there.site.operators.invite("ada", None)
        answer = httpx.post(
            f"{there.url}/sign-in/link",
            data={"token": token},
            headers={"host": "desk.example.com", "origin": "https://desk.example.com"},
        )
        assert answer.headers["set-cookie"].startswith("__Host-provisioner=")
        assert "; Secure" in answer.headers["set-cookie"]
        assert "; Path=/" in answer.headers["set-cookie"]
        assert "max-age" in answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "HERE"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
    ],
)
def test_a_form_of_another_site_does_nothing(there: House, headers: dict[str, str]) -> None:
    customer = there.add("ada@example.com")
    browser = there.browser()
    said = {name: there.url if value == "HERE" else value for name, value in headers.items()}
    answer = browser.post(f"/customers/{customer.id}/note", said, note="theirs")
    assert answer.status_code == 403
    assert there.customer(customer.id).notes == ()
    assert browser.post(f"/customers/{customer.id}/note", note="mine").status_code == 200
    assert [one.note for one in there.customer(customer.id).notes] == ["mine"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_only_a_form_is_a_form(there: House, kind: str) -> None:
    customer = there.add("ada@example.com")
    browser = there.browser()
    headers = {"content-type": kind, "sec-fetch-site": "same-origin"}
    answer = browser.http.post(f"/customers/{customer.id}/note", content=b"note=x", headers=headers)
    assert answer.status_code == 403
    assert there.customer(customer.id).notes == ()


def test_a_get_changes_nothing(there: House) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    browser = there.browser()
    for page in ALL:
        if page.method == "POST":
            browser.get(page.path.replace("{id}", customer.id))
    assert there.customer(customer.id) == customer


@pytest.mark.parametrize("host", ["evil.example", "desk.example.com.evil.example", ""])
def test_another_name_that_leads_here_is_not_answered(there: House, host: str) -> None:
    browser = there.browser()
    answer = browser.http.get("/", headers={"host": host})
    assert answer.status_code in (400, 403)
    assert "Needs a person" not in answer.text


def test_too_many_wrong_passwords_are_not_listened_to(there: House) -> None:
    with_password(there)
    browser = there.stranger()
    answers = [sign_in(there, browser, password=f"wrong password {n}").status_code for n in range(9)]
    assert answers == [401] * 8 + [429]
    assert sign_in(there, browser).status_code == 429, "the right one neither"
    assert sign_in(there, browser, "ben", "wrong password").status_code == 401, "others are"
    _, token = there.site.operators.invite("ada", None)
    assert browser.post("/sign-in/link", token=token).status_code == 200, "a link still lets in"


def test_who_guesses_with_many_names_is_stopped_by_their_address(there: House) -> None:
    with_password(there)
    answers = [
        there.stranger()
        .http.post(
            "/sign-in",
            data={"name": f"name{n}", "password": "wrong password"},
            headers={"sec-fetch-site": "same-origin", "x-forwarded-for": f"{n}.1.1.1, 203.0.113.9"},
        )
        .status_code
        for n in range(21)
    ]
    assert answers == [401] * 20 + [429]
    assert sign_in(there, there.stranger()).status_code == 200, "from elsewhere one gets in"


def test_a_link_is_used_by_its_button_and_not_by_being_opened(there: House) -> None:
    _, token = there.site.operators.invite("ada", None)
    browser = there.stranger()
    for _ in range(3):
        assert "Sign in as ada" in browser.get(f"/sign-in/{token}").text
    assert browser.post("/sign-in/link", token=token).status_code == 200
    assert is_in(browser)
    assert there.stranger().get(f"/sign-in/{token}").status_code == 410
    assert there.stranger().post("/sign-in/link", token=token).status_code == 410


def test_links_cannot_be_guessed_for_long(there: House) -> None:
    there.site.operators.invite("ada", None)
    browser = there.stranger()
    answers = [browser.post("/sign-in/link", token=f"guess{n}").status_code for n in range(21)]
    assert answers == [410] * 20 + [429]


@pytest.mark.parametrize(
    ("then", "leads"),
    [
        ("/customers?state=failed", "/customers"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\r\nset-cookie: x=y", "/"),
    ],
)
def test_after_signing_in_one_is_where_one_wanted_to_be_and_nowhere_else(
    there: House, then: str, leads: str
) -> None:
    with_password(there)
    answer = there.stranger().post("/sign-in", name="ada", password=PASSWORD, then=then)
    assert str(answer.url).startswith(there.url)
    assert answer.url.path == leads


def test_ones_own_password_is_changed_by_who_knows_it(there: House) -> None:
    browser = there.browser()
    new: dict[str, Any] = {"new": PASSWORD, "again": PASSWORD}
    assert browser.post("/account", new="short", again="short").status_code == 400
    assert browser.post("/account", new=PASSWORD, again="another one, though").status_code == 400
    other = there.browser()
    assert "Your password is set" in browser.post("/account", **new).text
    assert not is_in(other), "everywhere else they are signed out"
    assert browser.post("/account", current="wrong password", **new).status_code == 401
    assert is_in(browser)
    assert sign_in(there, there.stranger()).status_code == 200


def test_every_answer_says_how_it_may_be_used(there: House) -> None:
    browser = there.browser()
    for path in ("/", "/customers", "/sign-in/nothing", "/customers/nobody@example.com", "/money.csv"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_no_page_has_anything_that_the_policy_forbids(there: House) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    browser = there.browser()
    for path in ("/", "/customers", f"/customers/{customer.id}", "/money", "/operations", "/account"):
        page = browser.get(path).text
        assert not re.search(r"<style|style=|<script(?! src=\"/static/)|\son\w+=|https?://(?!www\.w3)", page)
