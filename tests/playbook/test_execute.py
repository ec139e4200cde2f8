"""Playbooks on a real server: what is done, what comes back, and what a second time does."""

import json
from pathlib import Path

import pytest

from provisioner.errors import RemoteError, TaskFailed
from provisioner.playbook.execute import Execution
from provisioner.playbook.journal import Event, RunBegan, TaskBegan, TaskEnded, TaskRetried
from provisioner.playbook.script import server_text
from tests.fixtures.machine import Machine
from tests.playbook.applying import HEAD, apply, tasks
from tests.playbook.books import script

pytestmark = pytest.mark.sandbox

HOSTILE = 'O\'Brien "the" $(touch /pwned) `id`; \\ ${HOME} 😀\nsecond line\t-n *'

EVERYTHING = """\
description: d
variables: {who: , home: /srv/all}
secrets: [KEY]
env: {COMMON: "{{ who }}"}
tasks:
  - {name: A user, run: useradd --create-home --shell /bin/bash eve, unless: getent passwd eve}
  - {name: A folder, directory: "{{ home }}/deep", owner: eve, user: root, mode: "0750"}
  - {name: A copy, copy: c, dest: "{{ home }}/copy", mode: "0640", group: adm}
  - {name: A template, template: t, dest: "{{ home }}/deep/template", owner: eve}
  - {name: A secret, content: "K={{ secret.KEY }};{{ secret.KEY }}", dest: /srv/all/deep/secret, owner: eve}
  - name: A file of hers
    user: eve
    cwd: "{{ home }}/deep"
    env: {MINE: "{{ secret.KEY }}"}
    run: |
      printf '%s' {{ who | quote }} > made
      printf '%s' "$COMMON" > common
      printf '%s' "$MINE" > mine
      [[ {{ secret.KEY }} == "$MINE" && $PWD == /srv/all/deep && $HOME == /home/eve && $USER == eve ]]
    creates: "{{ home }}/deep/made"
  - name: A look
    run: |
      echo noise >&2
      echo first
      echo "  the value  "
      echo
      echo noise >&2
    register: looked
    changes: false
  - {name: Says so itself, run: "echo work; echo unchanged"}
"""


def test_everything_once_and_twice(machine: Machine, tmp_path: Path) -> None:
    made = script(tmp_path, EVERYTHING, {"who": HOSTILE}, c=b"\x00\xff\n", t=b"{{ who }}\n")
    first = apply(machine, made, {"KEY": "it is a 'secret'"})
    assert [task.changed for task in first.tasks] == [True] * 6 + [False] * 2
    assert first.registered == {"looked": "the value"}
    look = (
        "cd /srv/all; stat -c '%n %U:%G %a' copy deep deep/*; "
        "sha256sum copy | cut -c1-8; cat deep/secret deep/mine"
    )
    assert machine.shell(look).splitlines() == [
        "copy root:adm 640",
        "deep eve:eve 750",
        "deep/common eve:eve 644",
        "deep/made eve:eve 644",
        "deep/mine eve:eve 644",
        "deep/secret eve:eve 600",
        "deep/template eve:eve 644",
        machine.shell("printf '\\000\\377\\n' | sha256sum | cut -c1-8"),
        "K=it is a 'secret';it is a 'secret'it is a 'secret'",
    ]
    for name, ending in (("made", ""), ("common", ""), ("template", "\n")):
        with machine.connect() as connection:
            assert connection.run(f"cat /srv/all/deep/{name}").out == HOSTILE + ending
    second = apply(machine, made, {"KEY": "it is a 'secret'"})
    assert second.changed == 0
    assert [task.status for task in second.tasks] == ["so"] * 6 + ["ok"] * 2
    assert machine.shell("ls -d /pwned 2>/dev/null || echo safe") == "safe"


def test_a_plan_changes_nothing(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, "  - {name: A, run: touch /planned}\n  - {name: B, content: x, dest: /planned}\n")
    with machine.connect() as connection:
        report = Execution(connection, made).plan()
    assert [task.status for task in report.tasks] == ["planned", "planned"]
    assert machine.shell("ls /planned 2>/dev/null || echo none") == "none"


def test_what_is_told_while_it_runs(machine: Machine, tmp_path: Path) -> None:
    made = tasks(
        tmp_path, "  - {name: A, run: 'true', unless: 'false'}\n  - {name: B, run: 'true', creates: /etc}\n"
    )
    told: list[Event] = []
    report = apply(machine, made, listen=told.append)
    assert [type(event) for event in told] == [RunBegan, TaskBegan, TaskEnded, TaskBegan, TaskEnded]
    assert told[0] == RunBegan(report.run, "made", 2, attached=False)
    assert told[2::2] == list(report.tasks)


def test_a_task_that_fails_ends_the_run(machine: Machine, tmp_path: Path) -> None:
    made = tasks(
        tmp_path,
        "  - {name: Bad, run: 'echo why >&2; false; echo not'}\n  - {name: Next, run: touch /next}\n",
    )
    with pytest.raises(TaskFailed) as caught:
        apply(machine, made)
    error = caught.value
    assert (error.playbook, error.task, error.task_exit_code, error.output) == ("made", "Bad", 1, "why\n")
    assert "the task “Bad” ended with exit code 1: why" in error.summary
    assert machine.shell(f"cat {error.log}; ls /next 2>/dev/null || echo none") == "why\nnone"


def test_an_unset_variable_is_a_failure(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="unbound variable"):
        apply(machine, tasks(tmp_path, "  - {name: Bad, run: 'echo $nothing'}\n"))


def test_no_task_sees_what_the_script_keeps(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, "  - {name: Look, run: 'ls /proc/self/fd; compgen -v', register: x}\n")
    report = apply(machine, made)
    output = report.tasks[0].output.split()
    assert {"0", "1", "2"} <= set(output)
    assert not {"secrets", "journal", "digest", "folder", "book", "bell"} & set(output)


def test_tries_again_as_often_as_told(machine: Machine, tmp_path: Path) -> None:
    run = "echo x >> /tries; [[ $(wc -l < /tries) == 3 ]]"
    text = f"  - {{name: Third time, run: '{run}', retries: 5, delay: 0.05}}\n"
    told: list[Event] = []
    machine.shell("rm -f /tries")
    apply(machine, tasks(tmp_path, text), listen=told.append)
    retried = [event for event in told if isinstance(event, TaskRetried)]
    assert [(event.attempt, event.exit) for event in retried] == [(1, 1), (2, 1)]


def test_gives_up_after_the_last_try(machine: Machine, tmp_path: Path) -> None:
    machine.shell("rm -f /tries")
    with pytest.raises(TaskFailed):
        apply(
            machine,
            tasks(tmp_path, "  - {name: A, run: 'echo x >> /tries; false', retries: 2, delay: 0.05}\n"),
        )
    assert machine.shell("wc -l < /tries") == "3"


DAEMONS = """\
  - name: Endless
    timeout: 1
    run: |
      setsid bash -c '(setsid sleep 4711 &) ; exec sleep 4712' &
      trap '' TERM HUP
      echo started
      sleep 4713
"""


def test_a_task_out_of_time_is_ended_with_all_its_descendants(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="ran out of time: started") as caught:
        apply(machine, tasks(tmp_path, DAEMONS))
    assert caught.value.task_exit_code == 124
    assert machine.shell("pgrep -a sleep | grep 471 || echo none") == "none"


def test_what_a_task_leaves_behind_is_ended(machine: Machine, tmp_path: Path) -> None:
    text = """\
  - name: A
    run: (setsid sleep 4714 &) ; echo done
  - name: B
    run: pgrep -f "[s]leep 4714"
"""
    with pytest.raises(TaskFailed) as caught:
        apply(machine, tasks(tmp_path, text))
    assert caught.value.task == "B"


def test_guards_answer_yes_or_no(machine: Machine, tmp_path: Path) -> None:
    text = "  - {name: A, run: touch /x, unless: exit 0}\n  - {name: B, run: 'true', unless: exit 3}\n"
    assert [task.status for task in apply(machine, tasks(tmp_path, text)).tasks] == ["so", "ok"]


def test_a_guard_that_never_ends_counts_as_no(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "provisioner.playbook.script.server_text",
        lambda name: server_text(name).replace("guard_limit=60", "guard_limit=0.5"),
    )
    made = tasks(tmp_path, "  - {name: A, run: 'true', unless: sleep 4715 & sleep 4715}\n")
    assert [task.status for task in apply(machine, made).tasks] == ["ok"]
    assert machine.shell("pgrep -a sleep | grep 4715 || echo none") == "none"


@pytest.mark.parametrize(
    "what", ["head -c 5000000 /dev/urandom", "head -c 5000000 /dev/zero", "(yes || :) | head -c 5000000"]
)
def test_five_megabytes_of_anything(machine: Machine, tmp_path: Path, what: str) -> None:
    report = apply(machine, tasks(tmp_path, f"  - {{name: Much, run: '{what}; echo; echo the end'}}\n"))
    assert report.tasks[0].output.endswith("\nthe end\n")
    assert len(report.tasks[0].output) <= 4000
    folder = f"/var/lib/provisioner/runs/{report.run}"
    assert machine.shell(f"stat -c %s {folder}/001.log") == str(5_000_000 + len("\nthe end\n"))
    for line in machine.shell(f"cat {folder}/journal.jsonl").split("\n"):
        assert not line or json.loads(line)["event"]


def test_output_without_end_is_bounded(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, "  - {name: Endless, run: 'timeout 1 yes || :'}\n")
    report = apply(machine, made)
    size = machine.shell(f"stat -c %s /var/lib/provisioner/runs/{report.run}/001.log")
    assert 10_000_000 <= int(size) < 10_001_000


def test_what_others_changed_is_kept_and_what_we_wrote_is_replaced(machine: Machine, tmp_path: Path) -> None:
    def written(content: str) -> bool:
        made = tasks(tmp_path, f"  - {{name: A, content: {content}, dest: /kept, keep: true}}\n")
        return apply(machine, made).tasks[0].changed

    machine.shell("rm -f /kept")
    assert [written("one"), written("one"), written("two")] == [True, False, True]
    machine.shell("printf theirs > /kept")
    assert [written("two"), written("three")] == [False, False]
    assert machine.shell("cat /kept") == "theirs"
    machine.shell("chmod 600 /kept")
    assert [written("three"), written("three")] == [True, False]
    assert machine.shell("cat /kept; stat -c %a /kept") == "theirs644"
    machine.shell("rm /kept")
    assert written("three")
    assert machine.shell("cat /kept") == "three"


def test_owner_and_mode_are_put_right(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, "  - {name: A, content: x, dest: /right, mode: '0640'}\n")
    apply(machine, made)
    for wrong in ("chmod 644 /right", "chown nobody /right", "rm /right; ln -s /etc/hostname /right"):
        machine.shell(wrong)
        assert apply(machine, made).changed == 1
        assert machine.shell("stat -c '%F %U %a' /right") == "regular file root 640"
    assert machine.shell("cat /etc/hostname") != "x"


def test_a_link_laid_in_a_home_does_not_lead_root_astray(machine: Machine, tmp_path: Path) -> None:
    machine.shell(
        "id mallory || useradd -m mallory; rm -rf /home/mallory/.x; "
        "runuser -u mallory -- ln -s /etc /home/mallory/.x"
    )
    made = tasks(tmp_path, "  - {name: A, content: x, dest: /home/mallory/.x/owned, owner: mallory}\n")
    with pytest.raises(TaskFailed, match="Permission denied"):
        apply(machine, made)
    assert machine.shell("ls /etc/owned 2>/dev/null || echo none") == "none"


@pytest.fixture
def eve(machine: Machine) -> str:
    """The home of a user who lays things in the way."""
    machine.shell("id eve 2>/dev/null || useradd --create-home --shell /bin/bash eve; rm -rf /home/eve/*")
    return "/home/eve"


@pytest.mark.parametrize(
    ("lay", "status"),
    [
        ("truncate -s 1T soul", "so"),
        ("truncate -s 1T soul; chmod 600 soul", "ok"),
        ("mkfifo soul", "ok"),
        ("ln -s /dev/zero soul", "ok"),
        ("ln -s /etc/shadow soul", "ok"),
        ("printf theirs > soul; chmod 000 soul", "ok"),
    ],
)
def test_what_a_user_lays_in_the_way_costs_nothing(
    machine: Machine, tmp_path: Path, eve: str, lay: str, status: str
) -> None:
    shadow = machine.shell("sha256sum /etc/shadow; stat -c '%U %a' /etc/shadow")
    machine.shell(f"runuser -u eve -- bash -c 'cd; {lay}'")
    text = f"  - {{name: A, content: ours, dest: {eve}/soul, owner: eve, keep: true, timeout: 20}}\n"
    report = apply(machine, tasks(tmp_path, text))
    assert report.tasks[0].status == status
    assert machine.shell("sha256sum /etc/shadow; stat -c '%U %a' /etc/shadow") == shadow


def test_what_root_changed_by_hand_is_kept_and_given_back(machine: Machine, tmp_path: Path, eve: str) -> None:
    machine.shell(f"echo edited > {eve}/soul")
    text = f"  - {{name: A, content: ours, dest: {eve}/soul, owner: eve, keep: true}}\n"
    assert [apply(machine, tasks(tmp_path, text)).changed for _ in range(2)] == [1, 0]
    assert machine.shell(f"cat {eve}/soul; stat -c %U {eve}/soul") == "edited\neve"
    machine.shell(f"echo secret > {eve}/soul; chmod 600 {eve}/soul; chown root {eve}/soul")
    assert apply(machine, tasks(tmp_path, text)).tasks[0].output == "kept: it was changed by somebody else"


def test_a_folder_in_place_of_a_file_is_told(machine: Machine, tmp_path: Path, eve: str) -> None:
    machine.shell("runuser -u eve -- mkdir -p /home/eve/soul/deep")
    text = f"  - {{name: A, content: ours, dest: {eve}/soul, owner: eve, keep: true}}\n"
    with pytest.raises(TaskFailed, match="soul"):
        apply(machine, tasks(tmp_path, text))


@pytest.mark.parametrize(
    "task",
    [
        "content: x, dest: /home/eve/x/file",
        "content: x, dest: /home/eve/x/file, owner: eve, user: root",
        "directory: /home/eve/x/y",
        "directory: /home/eve/link/y",
        "content: x, dest: /srv/through/file",
    ],
)
def test_root_makes_nothing_in_a_folder_of_somebody_else(
    machine: Machine, tmp_path: Path, eve: str, task: str
) -> None:
    machine.shell(
        "runuser -u eve -- bash -c 'cd; mkdir -p x; ln -s /etc link'; ln -sfn /home/eve/x /srv/through"
    )
    with pytest.raises(TaskFailed, match="belongs to somebody else"):
        apply(machine, tasks(tmp_path, f"  - {{name: A, {task}}}\n"))
    assert machine.shell("ls -d /etc/y /home/eve/x/* 2>/dev/null || echo none") == "none"


def test_a_folder_that_is_missing_is_told(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="No such file or directory"):
        apply(machine, tasks(tmp_path, "  - {name: A, content: x, dest: /no/such/folder}\n"))


def test_an_account_that_is_missing_is_told(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="there is no user nemo"):
        apply(machine, tasks(tmp_path, "  - {name: A, run: 'true', user: nemo}\n"))


@pytest.mark.parametrize("secrets", [{}, {"KEY": ""}, {"KEY": "a\0b"}])
def test_an_unfit_secret_is_refused_before_anything_is_sent(
    machine: Machine, tmp_path: Path, secrets: dict[str, str]
) -> None:
    made = script(tmp_path, "secrets: [KEY]\n" + HEAD + "  - {name: A, run: ': {{ secret.KEY }}'}\n")
    with pytest.raises(RemoteError, match="its secret KEY"):
        apply(machine, made, secrets)


def test_what_a_run_keeps_is_for_root_alone(machine: Machine, tmp_path: Path) -> None:
    text = "  - {name: A, run: echo told}\n  - {name: B, content: x, dest: /kept2, keep: true}\n"
    machine.shell("rm -f /kept2")
    report = apply(machine, tasks(tmp_path, text))
    state = "/var/lib/provisioner"
    assert machine.shell(f"find {state} -perm /077") == ""
    assert machine.shell(f"ls {state}/runs/{report.run} {state}/kept").count("\n") >= 4


def test_only_the_last_runs_are_kept(machine: Machine, tmp_path: Path) -> None:
    made = tasks(tmp_path, "  - {name: A, run: 'true'}\n")
    machine.shell("for n in {1..25}; do mkdir -p /var/lib/provisioner/runs/2000-$n; done")
    apply(machine, made)
    assert machine.shell("ls /var/lib/provisioner/runs | wc -l") == "20"
