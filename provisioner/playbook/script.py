"""From a playbook and values to one script: pure, so that tests can compare it as text."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from provisioner.playbook.model import DirectoryTask, Playbook, RunTask, Task
from provisioner.playbook.templating import RenderedFile, RenderedRun, Secret, with_values

_REFERENCE = re.compile(r'"\$(value_[0-9]+|secret_[A-Za-z_][A-Za-z0-9_]*)"')
# Tests that bash does by itself, without a process and without a lasting effect.
_WORDS = r"[^;&|`$()<>\\\n]+"
_PLAIN_TEST = re.compile(rf"(?:! )?(?:\[\[ {_WORDS} \]\]|\[ {_WORDS} \]|test {_WORDS}|command -v {_WORDS})")
_GUARD_SECONDS = 60
_REMOTE = Path(__file__).parent / "remote"


@dataclass(frozen=True)
class Script:
    """What a server is sent: `text`, the tasks of the script; `files` by name; the names of their `secrets`.

    `longest` is the number of seconds that it can last by the timeouts of its tasks.
    """

    playbook: str
    tasks: tuple[str, ...]
    text: str
    files: Mapping[str, bytes] = field(repr=False)
    secrets: tuple[str, ...]
    longest: float

    def program(self) -> str:
        """The whole script: the part that is always the same, then the tasks."""
        head = f"filter={shlex.quote(server_text('filter.pl'))}\ntotal={len(self.tasks)}\n"
        return f"{head}{server_text('run.bash')}\n{self.text}\nfinish true\n"

    def digest(self, secrets: Mapping[str, str], mode: str) -> str:
        """The same for two runs that would do the very same thing; 32 hex digits."""
        total = sha256(f"{self.playbook}\0{mode}\0{self.program()}".encode())
        for name, content in sorted(self.files.items()):
            total.update(f"\0{name}\0{len(content)}\0".encode() + content)
        for name in self.secrets:
            total.update(f"\0{name}\0{secrets[name]}".encode())
        return total.hexdigest()[:32]


def server_text(name: str) -> str:
    """A program that runs on the server, as it is shipped in `provisioner/playbook/remote`."""
    return (_REMOTE / name).read_text("utf-8")


def together(playbooks: Iterable[tuple[Playbook, Mapping[str, object]]]) -> Script:
    """One script that applies these, each with its values, in this order; PlaybookError."""
    parts: list[Script] = []
    for playbook, variables in playbooks:
        parts.append(render(playbook, variables, first=1 + sum(len(part.tasks) for part in parts)))
    return Script(
        playbook="+".join(part.playbook for part in parts),
        tasks=tuple(task for part in parts for task in part.tasks),
        text="\n".join(part.text for part in parts),
        files={number: content for part in parts for number, content in part.files.items()},
        secrets=tuple(dict.fromkeys(name for part in parts for name in part.secrets)),
        longest=sum(part.longest for part in parts),
    )


def render(playbook: Playbook, variables: Mapping[str, object], first: int = 1) -> Script:
    """The script that applies this playbook with these values; PlaybookError if a value is unfit.

    `first` is the number of its first task.
    """
    rendered = with_values(playbook, variables)
    numbered = list(enumerate(rendered.tasks, start=first))
    tasks = [one.task for one in rendered.tasks]
    values = [f"{name}={shlex.quote(value)}" for name, value in rendered.values.items()]
    text = "\n".join([*values, *_blocks(numbered)])
    files = {
        str(number): one.content
        for number, one in numbered
        if isinstance(one, RenderedFile) and one.content is not None
    }
    return Script(
        playbook=playbook.name,
        tasks=tuple(task.name for task in tasks),
        text=text,
        files=files,
        secrets=tuple(name for name in playbook.secrets if _has_secret(name, text, files)),
        longest=sum(map(_longest, tasks)),
    )


def _has_secret(name: str, text: str, files: Mapping[str, bytes]) -> bool:
    """Whether the secret is to be given: only tasks that are not wanted may have it."""
    mark = f"\0{name}\0".encode()
    return f"${{secrets[{name}]}}" in text or any(mark in content for content in files.values())


def _longest(task: Task) -> float:
    guard = 0 if isinstance(task, RunTask) and not task.unless else _GUARD_SECONDS
    return guard + (task.timeout + 5) * (task.retries + 1) + task.delay * task.retries


def _blocks(numbered: Iterable[tuple[int, RenderedRun | RenderedFile]]) -> Iterator[str]:
    """The tasks as they are done; neighbours that go into the background are a function of their own."""
    for background, group in groupby(numbered, key=lambda pair: pair[1].task.background):
        members = list(group)
        if background:
            yield f"beside_{members[0][0]}() {{"
        for number, one in members:
            yield from _block(one, number)
        if background:
            yield f"}}\nbackground beside_{members[0][0]}\n"


def _block(one: RenderedRun | RenderedFile, number: int) -> Iterator[str]:
    """A call of `task`, one assignment for each word that is not at its default, a call of `perform`."""
    task = one.task
    yield f"task {number} {shlex.quote(json.dumps(task.name))}"
    if task.timeout != 300:
        yield f"timeout={task.timeout:g}"
    if task.retries:
        yield f"retries={task.retries} delay={task.delay:g}"
    if task.after_background:
        yield "after_background=1"
    yield from _run(one) if isinstance(one, RenderedRun) else _file(one, number)
    yield "perform"
    yield ""


def _run(run: RenderedRun) -> Iterator[str]:
    yield f"text={shlex.quote(run.shell)}"
    references = dict.fromkeys(_REFERENCE.findall(f"{run.unless}\n{run.shell}"))
    if references:
        yield f"values=({' '.join(map(_pair, references))})"
    if run.user is not None:
        yield f"user={shlex.quote(run.user)}"
    if run.cwd is not None:
        yield f"cwd={shlex.quote(run.cwd)}"
    if run.env:
        yield f"environment=({' '.join(_variable(*item) for item in run.env.items())})"
    if run.creates is not None:
        yield f"creates={shlex.quote(run.creates)}"
    if run.unless:
        yield f"unless={shlex.quote(run.unless)}"
        if run.user is None and run.cwd is None and _is_plain_test(run.unless):
            yield "plain=1"
    yield from _result(run.task)


def _result(task: RunTask) -> Iterator[str]:
    if task.registered:
        yield f"register={task.registered}"
    if not task.changes:
        yield "changes=0"
    if task.secret:
        yield "quiet=1"


def _variable(name: str, value: str | Secret) -> str:
    if isinstance(value, Secret):
        return f'"{name}=${{secrets[{value.name}]}}"'
    return shlex.quote(f"{name}={value}")


def _file(file: RenderedFile, number: int) -> Iterator[str]:
    source = "folder_only=1" if file.content is None else f"source={number}"
    yield f"dest={shlex.quote(file.dest)} {source}"
    if file.with_secrets:
        yield "with_secrets=1"
    yield f"user={shlex.quote(file.user)}"
    yield f"owner={shlex.quote(file.owner)} access={file.mode}"
    if file.group:
        yield f"group_name={shlex.quote(file.group)}"
    if not isinstance(file.task, DirectoryTask) and file.task.keep:
        yield f"keep_theirs={sha256(file.dest.encode()).hexdigest()[:32]}"


def _is_plain_test(unless: str) -> bool:
    """Whether it may run in the script's own shell, by root and at home: its only effect is its answer."""
    bare = _REFERENCE.sub("x", unless.strip()).removesuffix(" 2>&1").removesuffix(" >/dev/null")
    return "$secret_" not in unless and bool(_PLAIN_TEST.fullmatch(bare))


def _pair(reference: str) -> str:
    if reference.startswith("secret_"):
        return f'"{reference}=${{secrets[{reference.removeprefix("secret_")}]}}"'
    return f'"{reference}=${reference}"'
