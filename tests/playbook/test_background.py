"""Tasks that go on in the background, beside those that follow them."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from provisioner.errors import PlaybookError, RemoteError, TaskFailed
from provisioner.playbook.execute import Execution
from provisioner.playbook.logs import read_journal
from provisioner.playbook.script import Script, render, server_text, together
from tests.fixtures.machine import Machine, until
from tests.playbook.applying import Applying, apply, tasks
from tests.playbook.books import script, write

sandbox = pytest.mark.sandbox

TWO = """\
  - {name: One, run: one, background: true}
  - {name: Two, run: two, background: true}
  - {name: Three, run: three}
  - {name: Four, run: four, background: true}
  - {name: Five, run: five, after_background: true}
"""


def test_neighbours_in_the_background_are_one_function(tmp_path: Path) -> None:
    assert tasks(tmp_path, TWO).text == (
        "beside_1() {\n"
        "task 1 '\"One\"'\ntext=one\nperform\n\n"
        "task 2 '\"Two\"'\ntext=two\nperform\n\n"
        "}\nbackground beside_1\n\n"
        "task 3 '\"Three\"'\ntext=three\nperform\n\n"
        "beside_4() {\n"
        "task 4 '\"Four\"'\ntext=four\nperform\n\n"
        "}\nbackground beside_4\n\n"
        "task 5 '\"Five\"'\nafter_background=1\ntext=five\nperform\n"
    )


def test_the_words_are_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="background"):
        tasks(tmp_path, "  - {name: A, run: a, background: 'yes'}\n")


def both(folder: Path, first: str, second: str) -> Script:
    head = "description: d\nvariables: {who: }\ntasks:\n"
    books = [write(folder, head + text, name=name) for name, text in (("a", first), ("b", second))]
    return together((book, {"who": f"of {book.name}"}) for book in books)


def test_playbooks_together_are_numbered_through(tmp_path: Path) -> None:
    first = "  - {name: A, content: '{{ who }}', dest: /a}\n  - {name: B, run: 'true'}\n"
    made = both(tmp_path, first, "  - {name: A, content: '{{ who }}', dest: /b, timeout: 7}\n")
    alone = render(write(tmp_path, "description: d\ntasks:\n  - {name: A, run: a}\n"), {})
    assert (made.playbook, made.tasks) == ("a+b", ("A", "B", "A"))
    assert made.files == {"1": b"of a", "3": b"of b"}
    assert "source=3" in made.text
    assert made.longest > alone.longest + 7


def test_several_writers_of_one_journal_write_whole_lines(tmp_path: Path) -> None:
    found = re.search(r"(?ms)^note\(\) \{.*?^\}$", server_text("run.bash"))
    assert found
    # Longer than what is written at once.
    writers = f"""{found[0]}
exec {{book}}>>{tmp_path}/journal {{turn}}<> <(:)
printf '\\n' >&"$turn"
printf -v long '%050000d' 0
write() {{ for ((n = 0; n < 200; n++)); do note "$1$long"; done; }}
write a & write b & write c & write d & wait
"""
    subprocess.run(["bash", "-c", writers], check=True, timeout=60)
    lines = (tmp_path / "journal").read_text().splitlines()
    assert Counter(lines) == {f"{writer}{'0' * 50_000}": 200 for writer in "abcd"}


@pytest.fixture
def clean(machine: Machine) -> None:
    machine.shell("rm -rf /b; mkdir /b")
    until(machine.idle)


on_a_machine = pytest.mark.usefixtures("clean")
# Ends when somebody has made /b/go.
WAITS = "until [[ -e /b/go ]]; do sleep 0.02; done"


@sandbox
@on_a_machine
def test_it_goes_on_beside_the_tasks_that_follow(machine: Machine, tmp_path: Path) -> None:
    made = tasks(
        tmp_path,
        f"""\
  - {{name: First, run: '{WAITS}; echo 1 >> /b/order; echo said', background: true, register: said}}
  - {{name: Second, run: echo 2 >> /b/order, background: true}}
  - {{name: So already, run: 'false', unless: exit 0}}
  - {{name: Lets it go, run: 'sleep 0.2; echo go >> /b/order; touch /b/go'}}
""",
    )
    report = apply(machine, made)
    assert machine.shell("cat /b/order") == "go\n1\n2"
    assert [(task.number, task.status) for task in report.tasks] == [
        (1, "ok"),
        (2, "ok"),
        (3, "so"),
        (4, "ok"),
    ]
    assert report.changed == 3
    assert report.registered == {"said": "said"}
    with machine.connect() as connection:
        last = read_journal(connection, report.run)[-2]
    assert (last["event"], last["changed"]) == ("finished", 3)


@sandbox
@on_a_machine
def test_playbooks_together_share_the_background(machine: Machine, tmp_path: Path) -> None:
    first = f"  - {{name: A, run: '{WAITS}; printf %s {{{{ who | quote }}}} > /b/a', background: true}}\n"
    second = "  - {name: B, run: 'printf %s {{ who | quote }} > /b/b; touch /b/go'}\n"
    assert apply(machine, both(tmp_path, first, second)).playbook == "a+b"
    assert machine.shell("cat /b/a; echo; cat /b/b") == "of a\nof b"


@sandbox
@on_a_machine
def test_what_needs_the_background_waits_for_it_only_if_there_is_something_to_do(
    machine: Machine, tmp_path: Path
) -> None:
    made = tasks(
        tmp_path,
        f"""\
  - {{name: A, run: '{WAITS}; sleep 0.2; touch /b/a', background: true}}
  - {{name: So already, run: 'false', creates: /b, after_background: true}}
  - {{name: Lets it go, run: touch /b/go}}
  - {{name: Needs it, run: '[[ -e /b/a ]]', after_background: true}}
  - {{name: Another, run: '{WAITS}; touch /b/b', background: true}}
  - {{name: Needs that, run: '[[ -e /b/b ]]', after_background: true}}
""",
    )
    assert [task.status for task in apply(machine, made).tasks] == ["ok", "so", "ok", "ok", "ok", "ok"]


@sandbox
@on_a_machine
def test_where_it_fails_nothing_more_is_begun_and_the_rest_comes_to_its_end(
    machine: Machine, tmp_path: Path
) -> None:
    made = tasks(
        tmp_path,
        f"""\
  - {{name: Bad, run: '{WAITS}; echo why; exit 5', background: true}}
  - {{name: Never, run: touch /b/never, background: true}}
  - {{name: Goes on, run: 'touch /b/go; sleep 1; touch /b/whole'}}
  - {{name: Never either, run: touch /b/never}}
""",
    )
    with pytest.raises(TaskFailed, match="why") as caught:
        apply(machine, made)
    assert (caught.value.task, caught.value.task_exit_code) == ("Bad", 5)
    assert machine.shell(f"ls /b; cat {caught.value.log}") == "go\nwhole\nwhy"


@sandbox
@on_a_machine
def test_a_failure_at_the_very_end_is_one(machine: Machine, tmp_path: Path) -> None:
    made = tasks(
        tmp_path,
        f"  - {{name: Bad, run: '{WAITS}; exit 5', background: true}}\n  - {{name: A, run: touch /b/go}}\n",
    )
    with pytest.raises(TaskFailed) as caught:
        apply(machine, made)
    assert caught.value.task == "Bad"


@sandbox
@on_a_machine
def test_where_another_task_fails_it_comes_to_its_end(machine: Machine, tmp_path: Path) -> None:
    made = tasks(
        tmp_path,
        """\
  - {name: Goes on, run: 'touch /b/here; sleep 1; touch /b/whole', background: true}
  - {name: Never, run: touch /b/never, background: true}
  - {name: Bad, run: 'until [[ -e /b/here ]]; do sleep 0.02; done; exit 6'}
""",
    )
    with pytest.raises(TaskFailed) as caught:
        apply(machine, made)
    assert (caught.value.task, caught.value.task_exit_code) == ("Bad", 6)
    assert machine.shell("ls /b") == "here\nwhole"


@sandbox
@on_a_machine
@pytest.mark.parametrize("background", [True, False])
def test_what_is_ended_on_one_side_is_nothing_of_the_other(
    machine: Machine, tmp_path: Path, background: bool
) -> None:
    # Three attempts that run out of time, with a daemon each; beside them a task that nobody may touch.
    ended = "run: '(setsid sleep 4721 &); sleep 4722', timeout: 0.5, retries: 2, delay: 0.01"
    lasting = "run: 'sleep 3; touch /b/whole'"
    pair = (ended, lasting) if background else (lasting, ended)
    made = tasks(tmp_path, f"  - {{name: A, {pair[0]}, background: true}}\n  - {{name: B, {pair[1]}}}\n")
    with pytest.raises(TaskFailed, match="out of time") as caught:
        apply(machine, made)
    assert caught.value.task == ("A" if background else "B")
    assert machine.shell("ls /b; pgrep -a sleep | grep 472 || echo none") == "whole\nnone"


@sandbox
@on_a_machine
def test_secrets_of_both_sides_get_where_they_belong(machine: Machine, tmp_path: Path) -> None:
    head = "description: d\nsecrets: [A, B]\ntasks:\n"
    text = "".join(
        f"  - {{name: {side}{n}, content: '{{{{ secret.{side} }}}}', dest: /b/{side}{n}{end}}}\n"
        for side, end in (("A", ", background: true"), ("B", ""))
        for n in range(20)
    )
    apply(machine, script(tmp_path, head + text), {"A": "a" * 40, "B": "b" * 60})
    assert machine.shell("cat /b/A* | tr -d a | wc -c; cat /b/A* | wc -c; cat /b/B* | tr -d b | wc -c") == (
        "0\n800\n0"
    )


@sandbox
@on_a_machine
def test_a_plan_asks_what_is_in_the_background_too(machine: Machine, tmp_path: Path) -> None:
    with machine.connect() as connection:
        report = Execution(connection, tasks(tmp_path, TWO)).plan()
    assert [(task.name, task.status) for task in report.tasks] == [
        (name, "planned") for name in ("One", "Two", "Three", "Four", "Five")
    ]


BOTH_WAIT = f"""\
  - {{name: Beside, run: 'echo x >> /b/beside; {WAITS}', background: true}}
  - {{name: Wait, run: 'until [[ -e /b/beside ]]; do sleep 0.02; done; echo x >> /b/wait; {WAITS}'}}
"""


@sandbox
@on_a_machine
def test_a_run_that_is_killed_leaves_nothing_and_can_be_run_again(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, BOTH_WAIT)
    applying = Applying(machine, made).until_it_waits()
    until(lambda: machine.shell("ls /b").endswith("wait"))
    machine.shell("systemctl kill --kill-whom main --signal KILL provisioner-run")
    applying.join(60)
    assert isinstance(applying.error, RemoteError)
    assert "ended from outside" in applying.error.summary
    until(machine.idle)
    assert machine.shell("pgrep -f '[/]b/go' || echo none") == "none"
    machine.shell("touch /b/go")
    assert [task.status for task in apply(machine, made).tasks] == ["ok", "ok"]


@sandbox
def test_after_a_reboot_in_the_middle_it_is_begun_again(fresh_machine: Machine, tmp_path: Path) -> None:
    fresh_machine.shell("mkdir -p /b")
    applying = Applying(fresh_machine, tasks(tmp_path, BOTH_WAIT)).until_it_waits()
    until(lambda: fresh_machine.shell("ls /b").endswith("wait"))
    fresh_machine.machines.reboot(fresh_machine.id)
    fresh_machine.shell("touch /b/go")
    assert [task.status for task in applying.result().tasks] == ["ok", "ok"]
    assert fresh_machine.shell("wc -l < /b/beside") == "2"


@sandbox
@on_a_machine
def test_a_disk_that_fills_up_beside_is_no_success(machine: Machine, tmp_path: Path) -> None:
    machine.shell("mount -t tmpfs -o size=256k,mode=700 none /var/lib/provisioner")
    try:
        fill = "head -c 1M /dev/zero > /var/lib/provisioner/full || true"
        text = f"  - {{name: Fill, run: '{fill}', background: true}}\n"
        text += "".join(f"  - {{name: Next {n}, run: 'true', background: true}}\n" for n in range(100))
        made = tasks(tmp_path, text + "  - {name: Wait, run: sleep 1}\n")
        with pytest.raises(RemoteError, match="disk full"):
            apply(machine, made)
    finally:
        until(machine.idle)
        machine.shell("umount /var/lib/provisioner")
