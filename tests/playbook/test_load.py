"""What a playbook's text may say, and what is said about one that is wrong."""

from pathlib import Path

import pytest

from provisioner.errors import PlaybookError
from provisioner.playbook.load import load, shipped_playbooks
from provisioner.playbook.model import ContentTask, DirectoryTask, RunTask
from provisioner.playbook.script import render
from tests.playbook.books import write

HEAD = "description: d\nvariables: {who: , user: ann}\nsecrets: [KEY]\ntasks:\n"


def refused(folder: Path, text: str, **files: bytes) -> str:
    with pytest.raises(PlaybookError) as caught:
        write(folder, text, files)
    assert caught.value.hint
    return caught.value.summary


def test_every_word_is_read(tmp_path: Path) -> None:
    playbook = write(
        tmp_path,
        HEAD
        + """\
  - name: One
    run: echo
    unless: "true"
    creates: /x
    when: user == "ann"
    user: ann
    env: {A: 1}
    cwd: /
    timeout: 2.5
    retries: 3
    delay: 1
    register: value
    changes: false
    background: true
  - {name: Two, content: text, dest: /f, owner: ann, group: ann, mode: "0640", keep: true}
  - {name: Three, directory: /d, after_background: true}
""",
    )
    one, two, three = playbook.tasks
    assert isinstance(one, RunTask)
    assert isinstance(two, ContentTask)
    assert isinstance(three, DirectoryTask)
    assert (one.kind, one.source, one.unless, one.creates) == ("run", "echo", "true", "/x")
    assert (one.user, one.cwd, one.registered, one.changes) == ("ann", "/", "value", False)
    assert (one.env, one.timeout, one.retries, one.delay) == ({"A": "1"}, 2.5, 3, 1)
    assert (one.background, one.after_background) == (True, False)
    assert (three.background, three.after_background) == (False, True)
    assert (two.kind, two.dest, two.owner, two.group, two.mode, two.keep) == (
        "content",
        "/f",
        "ann",
        "ann",
        "640",
        True,
    )
    assert (three.kind, three.source, three.timeout, three.retries) == ("directory", "/d", 300, 0)


@pytest.mark.parametrize(
    ("task", "line", "cause"),
    [
        ("  - name: T\n    run: x\n    unles: y\n", 7, "unknown word “unles”"),
        ("  - name: T\n    run: x\n    dest: /y\n", 7, "“dest” does not go with “run”"),
        ("  - name: T\n    run: x\n    copy: y\n", 5, "exactly one of run"),
        ("  - name: T\n    run: x\n    timeout: soon\n", 7, "“timeout” is a number of seconds"),
        ("  - name: T\n    run: x\n    retries: -1\n", 7, "“retries” is a whole number"),
        ("  - name: T\n    run: x\n    run: y\n", 7, "“run” is here twice"),
        ("  - run: x\n", 5, "a task has a “name”"),
        ("  - name: T\n    content: x\n", 5, "“content” needs “dest”"),
        ("  - name: T\n    content: x\n    dest: /x\n    mode: 0644\n", 8, 'in quotes, like "0644"'),
        ("  - name: T\n    run: x\n    register: a b\n", 7, "“register” is a name"),
        ("  - name: T\n    run: x\n    register: a\n    secret: true\n", 7, "“register” keeps"),
        ("  - name: T\n    run: echo {{ who }}\n", 6, "ends in “| quote”"),
        (
            "  - name: T\n    run: |\n      a\n      echo {{ nobody | quote }}\n",
            7,
            "“nobody” is not declared",
        ),
        ("  - name: T\n    run: |\n      a\n      echo {{ who | quote | upper }}\n", 8, "ends in “| quote”"),
        ("  - name: T\n    run: x\n    unless: test {{ who }}\n", 7, "ends in “| quote”"),
        ("  - name: T\n    run: echo {{ secret.NONE }}\n", 6, "“NONE” is not declared in secrets"),
        ("  - name: T\n    run: echo {{ secret.KEY | quote }}\n", 6, "a secret stands alone"),
        ("  - name: T\n    run: echo {% if secret.KEY %}x{% endif %}\n", 6, "a secret stands alone"),
        ("  - name: T\n    content: x\n    dest: /{{ secret.KEY }}\n", 7, "a secret may not stand in “dest”"),
        ("  - name: T\n    run: x\n    when: who ==\n", 7, "unexpected"),
        ("  - name: T\n    run: echo {{ who\n", 6, "unexpected end of template"),
        ("  - name: T\n    run: [x\n", 7, "expected ',' or ']'"),
        ("  - T\n", 5, "a task is a mapping"),
        ("  - name: T\n    run: x\n    timeout: true\n", 7, "“timeout” is a number of seconds"),
        ("  - name: T\n    run: x\n    timeout: .nan\n", 7, "“timeout” is a number of seconds"),
        ("  - name: T\n    run: x\n    retries: 2.0\n", 7, "“retries” is a whole number"),
        ("  - name: T\n    run: x\n    changes: 1\n", 7, "“changes” is true or false"),
        ("  - name: T\n    run: x\n    env: [A]\n", 7, "“env” maps names to texts"),
        ("  - name: T\n    run: x\n    env: {A: true}\n", 7, "“env”: “A” is a text or a number"),
        ("  - name: T\n    run: x\n    env: {a b: c}\n", 7, "“env”: “a b” is a name of letters"),
        ("  - name: T\n    run: ' '\n", 6, "“run” is a text that is not empty"),
        ('  - name: T\n    run: "a\\0"\n', 6, "“run” has a NUL in it"),
        (
            "  - name: T\n    run: x\n    place: here\n",
            7,
            "unknown word “place”; “run” knows after_background",
        ),
        ("  - name: T\n    run: x\n    source: here\n", 7, "unknown word “source”"),
        ("  - name: T\n    run: x\n    cwd:\n      2024-13-45\n", 8, "month must be in 1..12"),
        ("  - name: T\n    run: x\n    delay: -1\n    oops: y\n    cwd: 5\n", 7, "“delay” is a number"),
        ("  - name: T\n    run: x\n    cwd: 5\n    oops: y\n    delay: -1\n", 7, "“cwd” is a text"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, task: str, line: int, cause: str) -> None:
    summary = refused(tmp_path, HEAD + task)
    assert cause in summary
    assert f"playbook.yaml, line {line}" in summary


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("tasks: [{name: T, run: x}]\n", "“description” is missing"),
        ("description: d\n", "“tasks” is missing"),
        ("description: d\ntasks: []\n", "at least one task"),
        ("description: d\ntask: []\n", "unknown word “task”"),
        ("description: d\nsecrets: KEY\ntasks: [{name: T, run: x}]\n", "“secrets” is a list of names"),
        ("description: d\ntasks: [{name: T, run: x}, {name: T, run: y}]\n", "another task has this name"),
        ("description: d\nsecrets: [a b]\ntasks: [{name: T, run: x}]\n", "“secrets”: “a b” is a name"),
        ("description: d\nvariables: [a]\ntasks: [{name: T, run: x}]\n", "“variables” maps names to"),
        ("- a\n", "a playbook is a mapping"),
        ("a: b: c\n", "mapping values are not allowed"),
    ],
)
def test_a_wrong_head_is_named(tmp_path: Path, text: str, cause: str) -> None:
    assert cause in refused(tmp_path, text)


def test_the_task_is_named(tmp_path: Path) -> None:
    assert "task “The user”" in refused(tmp_path, HEAD + "  - {name: The user, run: x, oops: y}\n")


def test_a_template_is_checked_with_its_own_lines(tmp_path: Path) -> None:
    summary = refused(tmp_path, HEAD + "  - {name: T, template: f, dest: /f}\n", f=b"one\n{{ nobody }}\n{{")
    assert "f, line 3" in summary


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "no-such-file" in refused(tmp_path, HEAD + "  - {name: T, copy: no-such-file, dest: /f}\n")


def test_files_are_read_when_the_playbook_is_loaded_and_not_again(tmp_path: Path) -> None:
    text = "  - {name: A, template: f, dest: /f}\n  - {name: B, copy: f, dest: /g}\n"
    playbook = write(tmp_path, HEAD + text, {"f": b"{{ who }}\r\n"})
    (tmp_path / "made" / "f").unlink()
    assert render(playbook, {"who": "Ann"}).files == {"1": b"Ann\n", "2": b"{{ who }}\r\n"}


def test_the_workspace_goes_before_the_shipped(tmp_path: Path) -> None:
    text = "description: mine\ntasks: [{name: T, run: x}]\n"
    assert write(tmp_path, text, name="server").description == "mine"
    assert load("server", [tmp_path / "nothing-here"]).path.is_relative_to(shipped_playbooks())


def test_a_playbook_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="there is none in"):
        load("absent", [tmp_path])


def test_every_shipped_playbook_is_right() -> None:
    names = [path.parent.name for path in shipped_playbooks().glob("*/playbook.yaml")]
    assert names
    for name in names:
        assert load(name).tasks
