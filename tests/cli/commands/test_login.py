"""`login`: links and passwords for people, and nothing secret where it may be seen."""

import re

import httpx
import pytest

from provisioner.web.access.operators import Operators
from provisioner.web.access.passwords import fits
from provisioner.web.access.place import access_folder
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.web.serving_process import ServingProcess


@pytest.fixture
def operators(workspace: Workspace) -> Operators:
    return Operators(access_folder(workspace))


def test_a_link_alone_is_on_standard_output(invoke: Invoke, operators: Operators) -> None:
    said = invoke("login", "--name", "ada")
    assert said.code == 0
    found = re.fullmatch(r"http://127\.0\.0\.1:8080/sign-in/(\S+)\n", said.out)
    assert found is not None
    assert "For ada (owner), once, within 15 minutes:" in said.err
    assert "Nobody serves this workspace now: provisioner serve" in said.err
    assert operators.take_link(found[1]) is not None


def test_the_public_address_is_in_the_link(invoke: Invoke, workspace: Workspace) -> None:
    with workspace.settings_file.open("a") as file:
        file.write('address = "https://desk.example.com"\n')
    assert invoke("login").out.startswith("https://desk.example.com/sign-in/")


def test_a_password_is_read_and_never_said(invoke: Invoke, operators: Operators) -> None:
    said = invoke("login", "--name", "ada", "--password", stdin="correct horse battery\n")
    assert said.code == 0
    assert "correct" not in said.out + said.err
    known = operators.named("ada")
    assert known is not None
    assert fits("correct horse battery", known.password)
    assert known.links == ()


def test_a_password_that_is_too_short_changes_nothing(invoke: Invoke, operators: Operators) -> None:
    said = invoke("login", "--name", "ada", "--password", stdin="short\n")
    assert said.code == 2
    assert "at least 12" in said.err
    assert operators.all() == ()


def test_somebody_else_needs_a_role_and_may_be_removed(invoke: Invoke, operators: Operators) -> None:
    invoke("login", "--name", "ada")
    assert invoke("login", "--name", "ben").code == 2
    assert invoke("login", "--name", "ben", "--role", "boss").code == 2
    assert invoke("login", "--name", "ben", "--role", "support").code == 0
    assert invoke("login", "--name", "ben", "--remove").code == 0
    assert invoke("login", "--name", "ben", "--remove").code == 2
    assert [one.name for one in operators.all()] == ["ada"]


def test_names_of_programs_are_nobodys(invoke: Invoke) -> None:
    assert invoke("login", "--name", "stripe").code == 2


def test_the_link_of_a_process_that_serves_lets_in(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    process = ServingProcess(workspace.root)
    process.start()
    try:
        link = invoke("login", "--name", "ada").out.strip().rsplit("/", 1)[1]
        answer = httpx.post(
            f"{process.url}/sign-in/link",
            data={"token": link},
            headers={"sec-fetch-site": "same-origin"},
            timeout=60,
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        page = httpx.get(process.url, cookies={"provisioner": answer.cookies["provisioner"]}, timeout=60)
        assert "There are no customers yet" in page.text
        assert "ada has signed in with a link from 127.0.0.1" in process.log
        assert link not in process.log
    finally:
        process.kill()
