"""Playbooks and values to scripts, as text; and what bash makes of hostile values."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import PlaybookError
from provisioner.playbook.script import Script, render
from tests.playbook.books import script, write

HEAD = "description: d\nvariables: {who: , user: ann}\nsecrets: [KEY]\ntasks:\n"


def text_of(folder: Path, tasks: str) -> str:
    return script(folder, HEAD + tasks, {"who": "O'Brien"}).text


def test_a_plain_task(tmp_path: Path) -> None:
    assert text_of(tmp_path, "  - {name: One, run: apt-get update}\n") == (
        "task 1 '\"One\"'\ntext='apt-get update'\nperform\n"
    )


def test_values_are_referred_to_and_defined_once(tmp_path: Path) -> None:
    tasks = """\
  - name: The user
    run: useradd -c {{ who | quote }} {{ user | quote }}
    unless: getent passwd {{ user | quote }}
  - name: Again
    run: id {{ user | quote }}
"""
    assert text_of(tmp_path, tasks) == (
        "value_1='O'\"'\"'Brien'\n"
        "value_2=ann\n"
        "task 1 '\"The user\"'\n"
        'text=\'useradd -c "$value_1" "$value_2"\'\n'
        'values=("value_2=$value_2" "value_1=$value_1")\n'
        "unless='getent passwd \"$value_2\"'\n"
        "perform\n"
        "\n"
        "task 2 '\"Again\"'\n"
        "text='id \"$value_2\"'\n"
        'values=("value_2=$value_2")\n'
        "perform\n"
    )


def test_every_word_of_a_run(tmp_path: Path) -> None:
    tasks = """\
  - name: All
    run: make
    user: "{{ user }}"
    cwd: /home/{{ user }}
    env: {TOKEN: "{{ secret.KEY }}", WHO: "{{ who }}"}
    creates: /home/{{ user }}/made
    unless: make --question
    timeout: 900
    retries: 2
    delay: 0.5
    register: made
    changes: false
"""
    assert text_of(tmp_path, tasks) == (
        "task 1 '\"All\"'\n"
        "timeout=900\n"
        "retries=2 delay=0.5\n"
        "text=make\n"
        "user=ann\n"
        "cwd=/home/ann\n"
        "environment=(\"TOKEN=${secrets[KEY]}\" 'WHO=O'\"'\"'Brien')\n"
        "creates=/home/ann/made\n"
        "unless='make --question'\n"
        "register=made\n"
        "changes=0\n"
        "perform\n"
    )


def test_files_and_folders(tmp_path: Path) -> None:
    tasks = """\
  - {name: A, content: "KEY={{ secret.KEY }}\\n", dest: "/home/{{ user }}/.env", owner: "{{ user }}"}
  - {name: B, template: t, dest: /etc/b, mode: "0640", group: adm}
  - {name: C, copy: c, dest: /etc/c, user: root, owner: ann, keep: true}
  - {name: D, directory: /srv/d, owner: ann}
"""
    made = script(tmp_path, HEAD + tasks, {"who": "Ann"}, t=b"Dear {{ who }}\n", c=b"\x00\xff")
    assert made.files == {"1": b"KEY=\0KEY\0\n", "2": b"Dear Ann\n", "3": b"\x00\xff"}
    assert made.text == (
        "task 1 '\"A\"'\ndest=/home/ann/.env source=1\nwith_secrets=1\nuser=ann\nowner=ann access=600\n"
        "perform\n"
        "\n"
        "task 2 '\"B\"'\ndest=/etc/b source=2\nuser=root\nowner=root access=640\ngroup_name=adm\nperform\n"
        "\n"
        "task 3 '\"C\"'\ndest=/etc/c source=3\nuser=root\nowner=ann access=644\n"
        f"keep_theirs={sha256(b'/etc/c').hexdigest()[:32]}\nperform\n"
        "\n"
        "task 4 '\"D\"'\ndest=/srv/d folder_only=1\nuser=ann\nowner=ann access=755\nperform\n"
    )


def test_a_task_that_is_not_wanted_is_left_out(tmp_path: Path) -> None:
    tasks = "  - {name: A, run: a, when: user == 'bob'}\n  - {name: B, run: b, when: who}\n"
    assert script(tmp_path, HEAD + tasks, {"who": "Ann"}).tasks == ("B",)


@pytest.mark.parametrize("unless", ["[[ -e /x ]]", "command -v node >/dev/null 2>&1", "! test -d /x"])
def test_a_plain_test_needs_no_process(tmp_path: Path, unless: str) -> None:
    assert "plain=1" in text_of(tmp_path, f"  - {{name: A, run: a, unless: {unless!r}}}\n".replace("'", '"'))


@pytest.mark.parametrize(
    "unless",
    [
        "[[ -e $(touch /x) ]]",
        "test -e /x; exit",
        "[[ -e `touch /x` ]]",
        "cd /",
        "[[ a ]] && exit",
        "test {{ secret.KEY }}",
    ],
)
def test_anything_else_gets_its_own_process(tmp_path: Path, unless: str) -> None:
    assert "plain=1" not in text_of(tmp_path, f'  - {{name: A, run: a, unless: "{unless}"}}\n')


def test_a_guard_of_another_user_is_no_plain_test(tmp_path: Path) -> None:
    assert "plain=1" not in text_of(tmp_path, '  - {name: A, run: a, user: ann, unless: "[[ -e x ]]"}\n')


@pytest.mark.parametrize(
    ("tasks", "variables", "cause"),
    [
        ("  - {name: A, run: a}\n", {}, "the variable who was not given"),
        ("  - {name: A, run: a}\n", {"who": "a\0b"}, "the variable who has a NUL in it"),
        ("  - {name: A, run: a}\n", {"who": ["x", {"y": "\0"}]}, "the variable who has a NUL in it"),
        ("  - {name: A, run: a}\n", {"who": "\ud800"}, "the variable who is not Unicode text"),
        ("  - {name: A, run: 'echo {{ who | quote }}'}\n", {"who": [1]}, "quote takes a text or a number"),
        ("  - {name: A, run: 'echo {{ who.x | quote }}'}\n", {"who": "a"}, "has no attribute 'x'"),
        ("  - {name: A, run: a, user: '{{ who }}'}\n", {"who": "a b"}, "'a b' is no account's name"),
        ("  - {name: A, directory: '{{ who }}'}\n", {"who": "etc"}, "directory is an absolute path"),
        (
            "  - {name: A, content: '{{ secret.KEY }}', dest: /f, mode: '0644'}\n",
            {"who": "a"},
            "let everybody read a secret",
        ),
    ],
)
def test_unfit_values_are_refused(
    tmp_path: Path, tasks: str, variables: dict[str, object], cause: str
) -> None:
    playbook = write(tmp_path, HEAD + tasks)
    with pytest.raises(PlaybookError, match="could not use the playbook") as caught:
        render(playbook, variables)
    assert cause in caught.value.summary


@pytest.mark.parametrize(
    ("task", "asked_for"),
    [
        ("run: ': {{ secret.KEY }}'", ("KEY",)),
        ("run: 'true', unless: '[[ {{ secret.KEY }} ]]'", ("KEY",)),
        ("run: 'true', env: {K: '{{ secret.KEY }}'}", ("KEY",)),
        ("content: '{{ secret.KEY }}', dest: /f", ("KEY",)),
        ("run: 'true'", ()),
        ("run: ': {{ secret.KEY }}', when: user == 'bob'", ()),
    ],
)
def test_a_secret_of_no_wanted_task_is_not_asked_for(
    tmp_path: Path, task: str, asked_for: tuple[str, ...]
) -> None:
    made = script(tmp_path, HEAD + f"  - {{name: A, {task}}}\n", {"who": "Ann"})

    assert made.secrets == asked_for


def test_a_secret_is_named_but_never_there(tmp_path: Path) -> None:
    made = script(tmp_path, HEAD + "  - {name: A, run: 'login <<< {{ secret.KEY }}'}\n", {"who": "Ann"})
    assert made.text == (
        'task 1 \'"A"\'\ntext=\'login <<< "$secret_KEY"\'\nvalues=("secret_KEY=${secrets[KEY]}")\nperform\n'
    )
    assert made.secrets == ("KEY",)


def test_the_digest_knows_every_difference(tmp_path: Path) -> None:
    made = script(tmp_path, HEAD + "  - {name: A, content: 'a{{ secret.KEY }}', dest: /f}\n", {"who": "Ann"})
    other = script(tmp_path, HEAD + "  - {name: A, content: 'b{{ secret.KEY }}', dest: /f}\n", {"who": "Ann"})
    digests = {
        made.digest({"KEY": "1"}, "run"),
        made.digest({"KEY": "2"}, "run"),
        made.digest({"KEY": "1"}, "plan"),
        other.digest({"KEY": "1"}, "run"),
    }
    assert len(digests) == 4
    assert made.digest({"KEY": "1"}, "run") in digests


def test_the_longest_time_counts_every_try(tmp_path: Path) -> None:
    made = script(
        tmp_path, HEAD + "  - {name: A, run: a, timeout: 10, retries: 2, delay: 3}\n", {"who": "Ann"}
    )
    assert made.longest == 3 * 15 + 2 * 3


def seen_by_bash(made: Script) -> bytes:
    """Runs the tasks of a script in a bash where `perform` only does the text."""
    head = 'task() { :; }; perform() { eval "$text"; }\n'
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-s"],
        input=(head + made.text).encode(),
        capture_output=True,
        check=False,
    )
    return done.stdout + done.stderr


HOSTILE = [
    "'",
    '"',
    "$(touch pwned)",
    "`id`",
    "\\",
    "\n",
    "; exit 1",
    "😀",
    "${x}",
    "-n",
    "*",
    "\t",
    "EOF",
    "a b",
]


@given(
    value=st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.lists(st.sampled_from(HOSTILE)).map("".join),
    )
)
def test_no_value_becomes_code(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    folder = tmp_path_factory.mktemp("book")
    tasks = """\
  - name: A
    run: |
      printf '%s' {{ who | quote }}
      printf '%s' "{{ who | quote }}" > /dev/null
      printf '%s' '{{ who | quote }}' > /dev/null
      printf '|%s' x{{ who | quote }}y
"""
    made = script(folder, HEAD + tasks, {"who": value})
    assert seen_by_bash(made) == f"{value}|x{value}y".encode()
