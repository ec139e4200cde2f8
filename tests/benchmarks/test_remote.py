"""N quick tasks on one server, side by side: ours, plain ssh, paramiko, pyinfra, Ansible.

The tasks are the same for all: a file that must exist, and does. Every figure is the whole process, from
start to exit, but for "connect and run", which is what our library does once its process has started.
Ansible and pyinfra are installed into a virtual environment of their own below build/, once.
"""

import os
import shlex
import statistics
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from provisioner.ssh.openssh import openssh_command
from tests.fixtures.machine import Machine, booted

pytestmark = pytest.mark.sandbox

ROUNDS, SLOW_ROUNDS, SIZES = 7, 3, (20, 100)
RIVALS = Path(__file__).parents[2] / "build" / "rivals"

OURS = """
import sys, time
from pathlib import Path
from provisioner.playbook.execute import Execution
from provisioner.playbook.load import load
from provisioner.playbook.script import render
from provisioner.ssh.connection import Host, _prepare_paramiko, connect
_prepare_paramiko()  # a part of starting up, not of connecting

address, host_key, key, folder, name = sys.argv[1:]
script = render(load(name, [Path(folder)]), {})
host = Host(address, (host_key,), Path(key).read_text())
began = time.perf_counter()
with connect(host) as connection:
    report = Execution(connection, script).apply()
assert report.changed == 0
print(time.perf_counter() - began)
"""

PARAMIKO = """
import sys
import paramiko

address, known_hosts, key, script = sys.argv[1:]
client = paramiko.SSHClient()
client.load_host_keys(known_hosts)
client.connect(address, username="root", key_filename=key, allow_agent=False, look_for_keys=False)
stdin, stdout, stderr = client.exec_command("bash --noprofile --norc -s")
stdin.write(open(script).read())
stdin.channel.shutdown_write()
assert stdout.channel.recv_exit_status() == 0, stderr.read()
client.close()
"""


@pytest.fixture(scope="module")
def rivals() -> Path:
    """The folder of the rivals' programs."""
    programs = RIVALS / "bin"
    if not (RIVALS / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(RIVALS)], check=True)
        packages = ["ansible-core", "pyinfra"]
        subprocess.run([str(programs / "pip"), "install", "--quiet", *packages], check=True)
        (RIVALS / "complete").touch()
    return programs


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine"), f"bench-{uuid.uuid4()}") as machine:
        yield machine


class Course:
    """The same N tasks in everybody's words."""

    def __init__(self, folder: Path, machine: Machine, size: int) -> None:
        self.folder, self.machine, self.size = folder / str(size), machine, size
        self.folder.mkdir()
        paths = [f"/bench/{number}" for number in range(size)]
        machine.shell(f"mkdir -p /bench; touch {' '.join(paths)}")
        self.key = self._write("key", machine.host.key)
        self.key.chmod(0o600)
        address = machine.host.address
        self.known = self._write("known_hosts", f"{address} {machine.host_key.public}\n")
        self.script = self._write("script", "".join(f"[[ -e {path} ]] || touch {path}\n" for path in paths))
        self._write_ours(paths)
        self._write_ansible(paths)
        self._write_pyinfra(paths)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def _write_ours(self, paths: list[str]) -> None:
        tasks = [f"  - {{name: Make {path}, run: touch {path}, creates: {path}}}\n" for path in paths]
        self._write("quick/playbook.yaml", "description: quick\ntasks:\n" + "".join(tasks))

    def _write_ansible(self, paths: list[str]) -> None:
        tasks = [
            f"    - name: Make {path}\n      ansible.builtin.command: touch {path}\n"
            f"      args: {{creates: {path}}}\n"
            for path in paths
        ]
        self._write("play.yaml", "- hosts: all\n  gather_facts: false\n  tasks:\n" + "".join(tasks))
        self._write(
            "ansible.ini",
            f"[all]\n{self.machine.host.address} ansible_user=root ansible_ssh_private_key_file={self.key} "
            f"ansible_python_interpreter=/usr/bin/python3 ansible_ssh_common_args='{self._ssh_options()}'\n",
        )

    def _write_pyinfra(self, paths: list[str]) -> None:
        operations = [
            f"server.shell(name='Make {path}', commands=['[ -e {path} ] || touch {path}'])\n"
            for path in paths
        ]
        self._write("deploy.py", "from pyinfra.operations import server\n" + "".join(operations))
        self._write(
            "inventory.py",
            f"hosts = [({self.machine.host.address!r}, {{'ssh_user': 'root', 'ssh_key': {str(self.key)!r}, "
            f"'ssh_known_hosts_file': {str(self.known)!r}, 'ssh_strict_host_key_checking': 'yes'}})]\n",
        )

    def _ssh_options(self) -> str:
        return (
            f"-F none -o UserKnownHostsFile={self.known} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes"
        )

    def ours(self) -> float:
        """Seconds of "connect and run" within the process."""
        host = self.machine.host
        arguments = [host.address, self.machine.host_key.public, str(self.key), str(self.folder), "quick"]
        return float(_output([sys.executable, "-c", OURS, *arguments]))

    def ssh(self) -> None:
        with openssh_command(self.machine.host, self.key, ["bash", "--noprofile", "--norc", "-s"]) as command:
            _output(command, stdin=self.script)

    def paramiko(self) -> None:
        words = [self.machine.host.address, str(self.known), str(self.key), str(self.script)]
        _output([sys.executable, "-W", "ignore", "-c", PARAMIKO, *words])

    def pyinfra(self, programs: Path) -> None:
        _output([str(programs / "pyinfra"), "-y", "inventory.py", "deploy.py"], folder=self.folder)

    def ansible(self, programs: Path) -> None:
        environment = {
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/ansible-{uuid.uuid4().hex[:8]}",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "ansible"),
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        command = [str(programs / "ansible-playbook"), "-i", "ansible.ini", "play.yaml"]
        said = _output(command, folder=self.folder, environment=environment)
        assert "changed=0" in said
        control = Path(environment["ANSIBLE_SSH_CONTROL_PATH_DIR"])
        for path in control.glob("*"):
            end = ["ssh", "-F", "none", "-O", "exit", "-o", f"ControlPath={path}", "x"]
            subprocess.run(end, capture_output=True, check=False)
        control.rmdir()


def _output(
    command: list[str],
    *,
    stdin: Path | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    with (stdin or Path(os.devnull)).open("rb") as source:
        done = subprocess.run(
            command,
            stdin=source,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    assert done.returncode == 0, f"{shlex.join(command[:3])}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def _seconds(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def test_quick_tasks_beside_everybody_else(
    target: Machine, rivals: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("course")
    courses = [Course(folder, target, size) for size in SIZES]
    taken: dict[tuple[str, int], list[float]] = defaultdict(list)
    for turn in range(ROUNDS):  # in turns, so that a busy minute of this machine is everybody's
        for course in courses:
            taken["ssh host bash -s", course.size].append(_seconds(course.ssh))
            taken["ours", course.size].append(
                _seconds(lambda c=course: taken["ours, connect and run", c.size].append(c.ours()))  # type: ignore[misc]
            )
            taken["paramiko, one script", course.size].append(_seconds(course.paramiko))
            if turn < SLOW_ROUNDS:
                taken["pyinfra", course.size].append(_seconds(lambda c=course: c.pyinfra(rivals)))  # type: ignore[misc]
                taken["ansible, pipelining", course.size].append(_seconds(lambda c=course: c.ansible(rivals)))  # type: ignore[misc]
    _print({who: statistics.median(times) for who, times in taken.items()})


def _print(medians: Mapping[tuple[str, int], float]) -> None:
    names = sorted({name for name, _ in medians}, key=lambda name: medians[name, SIZES[0]])
    print(f"\n{'seconds, median':32}" + "".join(f"{size:>7} tasks" for size in SIZES))
    for name in names:
        print(f"{name:32}" + "".join(f"{medians[name, size]:13.3f}" for size in SIZES))
    few, many = SIZES
    inside, whole, plain = "ours, connect and run", "ours", "ssh host bash -s"
    ratios = [
        ("connect and run / plain ssh", medians[inside, few] / medians[plain, few], "at most 1.2"),
        ("the same, 100 tasks", medians[inside, many] / medians[plain, many], "at most 1.2"),
        (
            "Ansible / our whole process",
            medians["ansible, pipelining", few] / medians[whole, few],
            "at least 15",
        ),
        ("pyinfra / our whole process", medians["pyinfra", few] / medians[whole, few], "at least 4"),
        ("ours, 100 tasks / 20 tasks", medians[whole, many] / medians[whole, few], "at most 1.2"),
    ]
    for name, ratio, wanted in ratios:
        print(f"{name:32}{ratio:13.2f}   wanted: {wanted}")
