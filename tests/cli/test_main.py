import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner import cli
from provisioner.cli.commands import tracking
from provisioner.cli.context import choose_workspace
from provisioner.errors import BusyError, ProvisionerError
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

SECRET = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


def test_help_and_version_need_no_workspace(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONER_WORKSPACE", "/nowhere")
    assert "show" in invoke("--help").out
    assert invoke("--version").out.strip().replace(".", "").isdigit()
    assert "EMAIL" in invoke("show", "--help").out


@pytest.mark.parametrize(
    "words", [("shwo",), ("show",), ("show", "a", "b"), ("list", "--nonsense"), ("add", "x")]
)
def test_wrong_usage_ends_with_two_and_says_why(invoke: Invoke, words: tuple[str, ...]) -> None:
    result = invoke(*words)
    assert result.code == 2
    assert result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("error", "code"), [(ProvisionerError, 1), (BusyError, 4)])
def test_an_error_is_one_short_block(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, error: type[ProvisionerError], code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("dance", whom="Ada", cause="no shoes", hint="buy shoes\nthen dance")

    monkeypatch.setattr("provisioner.workspace.Workspace.store", fail)
    result = invoke("list")
    assert result.code == code
    assert result.out == ""
    assert result.err == "error: could not dance for Ada\n  no shoes\n  → buy shoes\n  → then dance\n"


def test_an_interrupt_ends_with_130(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("provisioner.workspace.Workspace.store", interrupt)
    assert invoke("list").code == 130


@pytest.mark.parametrize("inside", [True, False])
def test_a_bug_is_one_line_and_a_private_file_without_secrets(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, inside: bool
) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError(f"token {SECRET}\nand hunter2-hunter2")

    monkeypatch.setattr("provisioner.workspace.Workspace.store", stumble)
    monkeypatch.setattr("provisioner.cli.output.crash.tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2-hunter2")
    if not inside:
        monkeypatch.setattr("provisioner.cli.output.crash.current_workspace", _no_workspace)
    result = invoke("list")
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert "Traceback" not in result.err
    path = Path(result.err.split()[-1])
    assert path.parent == (workspace.state_dir if inside else tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text("utf-8")
    assert "ZeroDivisionError" in text
    for secret in (SECRET, "hunter2-hunter2"):
        assert secret not in text + result.err


def _stumble(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Every command that asks for the records ends as a bug that says this."""

    def stumble(*_: object) -> None:
        raise ZeroDivisionError(text)

    monkeypatch.setattr("provisioner.workspace.Workspace.store", stumble)


@pytest.mark.parametrize("dotenv", [b"ANTHROPIC_API_KEY=key-of-odd-form\n", b"\xff\xfe not a line", None])
def test_a_bug_shows_nothing_that_dotenv_and_records_hold(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, dotenv: bytes | None
) -> None:
    active = workspace.customers_dir / "active"
    (active / "a.json").write_text('{"setup": {"messaging": {"botToken": "token-of-a"}}}')
    (active / "broken.json").write_text('{"botToken": "token-of-b",,')
    (workspace.root / ".env").unlink(missing_ok=True)
    if dotenv is None:
        (workspace.root / ".env").symlink_to("nowhere")
    else:
        (workspace.root / ".env").write_bytes(dotenv)
    _stumble(monkeypatch, "key-of-odd-form with token-of-a and token-of-b")
    result = invoke("list")
    assert result.code == 1
    said = result.err + Path(result.err.split()[-1]).read_text("utf-8")
    assert "this is a bug" in said
    assert "token-of" not in said
    assert ("key-of-odd-form" in said) == (dotenv is None or b"odd-form" not in dotenv)


def test_a_bug_is_told_where_nothing_can_be_saved(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    _stumble(monkeypatch, "over")
    monkeypatch.setattr("provisioner.cli.output.crash.tempfile.mkstemp", full)
    result = invoke("list")
    assert result.code == 1
    assert "ZeroDivisionError: over - this is a bug; its traceback could not be saved: No space" in result.err


def test_an_error_shows_nothing_that_dotenv_and_records_hold(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ProvisionerError("ask key-of-odd-form", cause="token-of-a", hint="do not use key-of-odd-form")

    (workspace.customers_dir / "active" / "a.json").write_text('{"botToken": "token-of-a"}')
    (workspace.root / ".env").write_text("ANTHROPIC_API_KEY=key-of-odd-form\n")
    monkeypatch.setattr("provisioner.workspace.Workspace.store", refuse)
    result = invoke("list")
    assert result.code == 1
    assert "could not ask [hidden]" in result.err
    assert "key-of-odd-form" not in result.err
    assert "token-of-a" not in result.err


def _no_workspace() -> Workspace:
    raise ProvisionerError("find the workspace")


def test_the_workspace_option_goes_first(invoke: Invoke, tmp_path: Path) -> None:
    other = tmp_path / "other"
    made = invoke("init", str(other))
    assert made.code == 0
    assert "Before the first customer: set [operator] contact in provisioner.toml" in made.err
    assert invoke("--workspace", str(other), "add", "a@example.com", "sub_1").code == 0
    assert "a@example.com" in invoke("--workspace", str(other), "list").out
    assert invoke("list").out == ""
    wrong = invoke("--workspace", str(tmp_path), "list")
    assert wrong.code == 2
    assert "provisioner init" in wrong.err
    choose_workspace(None)


def test_a_reader_that_leaves_early_is_no_bug(workspace: Workspace) -> None:
    store = workspace.store()
    from provisioner.customers.new import SignUp, new_record

    for number in range(3):
        store.add(new_record(SignUp(f"a{number}@example.com", "sub")))
    command = f"{sys.executable} -m provisioner.cli.main --workspace {workspace.root} list --json | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def test_a_reader_of_messages_that_leaves_early_is_no_bug(workspace: Workspace, tmp_path: Path) -> None:
    command = (
        f"{sys.executable} -m provisioner.cli.main --workspace {workspace.root} list --nonsense 2>&1 | true"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    for _ in range(3):
        done = subprocess.run(["bash", "-c", command], capture_output=True, env=environment, check=False)
        assert done.stderr == b""
    crashes = [*tmp_path.rglob("crash-*"), *workspace.root.rglob("crash-*")]
    assert crashes == []


def test_commands_are_documented() -> None:
    for command in (tracking.add, tracking.show, tracking.update, tracking.note, tracking.timeline):
        assert command.__doc__


def test_commands_return_their_answers_and_print_none() -> None:
    folder = Path(cli.__file__).parent
    files = [path for name in ("commands", "sandbox") for path in (folder / name).glob("*.py")]
    printing = re.compile(r"\bprint\w*\(|sys\.stdout|echo\(")

    # The demo is a show: what other commands print stands between its own lines.
    assert {path.name for path in files if printing.search(path.read_text())} <= {"demo.py"}
    assert len(files) > 15


_INTERRUPTED_WHILE_IT_LOADS = """
import sys
from importlib.abc import MetaPathFinder

class Finder(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "provisioner.cli.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
from provisioner.cli.entry import run
run()
"""


def test_an_interrupt_while_it_still_loads_ends_with_130() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_WHILE_IT_LOADS], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
