"""From a playbook and values to one script: pure, so that tests can compare it as text."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from provisioner.playbook.mistakes import Mistake, located
from provisioner.playbook.model import (
    ContentTask,
    CopyTask,
    DirectoryTask,
    FileTask,
    Playbook,
    RunTask,
    Task,
)
from provisioner.playbook.templating import Texts, read_copy, read_template, secret_alone

_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_REFERENCE = re.compile(r'"\$(value_[0-9]+|secret_[A-Za-z_][A-Za-z0-9_]*)"')
# Tests that bash does by itself, without a process and without a lasting effect.
_WORDS = r"[^;&|`$()<>\\\n]+"
_PLAIN_TEST = re.compile(rf"(?:! )?(?:\[\[ {_WORDS} \]\]|\[ {_WORDS} \]|test {_WORDS}|command -v {_WORDS})")
_GUARD_SECONDS = 60
_SERVER = Path(__file__).parent / "server"


@dataclass(frozen=True)
class Script:
    """What a server is sent: `text`, the tasks of the script; `files` by name; the names of the `secrets`.

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
    """A program that runs on the server, as it is shipped in `provisioner/playbook/server`."""
    return (_SERVER / name).read_text("utf-8")


def render(playbook: Playbook, variables: Mapping[str, object]) -> Script:
    """The script that applies this playbook with these values; PlaybookError if a value is unfit."""
    with located(playbook.path):
        texts = Texts(playbook, variables)
    tasks: list[Task] = []
    files: dict[str, bytes] = {}
    blocks = []
    for task in playbook.tasks:
        with located(playbook.path, task.place):
            if not texts.wanted(task):
                continue
            tasks.append(task)
            block = _Block(playbook, texts, task, len(tasks))
            blocks.append(block.text())
            files |= block.files
    values = [f"{name}={shlex.quote(value)}" for value, name in texts.values.items()]
    return Script(
        playbook=playbook.name,
        tasks=tuple(task.name for task in tasks),
        text="\n".join([*values, *blocks]),
        files=files,
        secrets=playbook.secrets,
        longest=sum(map(_longest, tasks)),
    )


def _longest(task: Task) -> float:
    guard = 0 if isinstance(task, RunTask) and not task.unless else _GUARD_SECONDS
    return guard + (task.timeout + 5) * (task.retries + 1) + task.delay * task.retries


class _Block:
    """The lines of one task."""

    def __init__(self, playbook: Playbook, texts: Texts, task: Task, number: int) -> None:
        self._playbook = playbook
        self._texts = texts
        self._task = task
        self._number = number
        self.files: dict[str, bytes] = {}

    def text(self) -> str:
        """A call of `task`, one assignment for each word that is not at its default, a call of `perform`."""
        task = self._task
        lines = [f"task {self._number} {shlex.quote(json.dumps(task.name))}"]
        lines += self._common()
        match task:
            case RunTask():
                lines += self._run(task)
            case DirectoryTask():
                lines += self._directory(task)
            case _:
                lines += self._file(task)
        return "\n".join([*lines, "perform", ""])

    def _common(self) -> Iterator[str]:
        task = self._task
        if task.timeout != 300:
            yield f"timeout={task.timeout:g}"
        if task.retries:
            yield f"retries={task.retries} delay={task.delay:g}"

    def _run(self, task: RunTask) -> Iterator[str]:
        shell = self._texts.shell("run", task.source)
        unless = self._texts.shell("unless", task.unless) if task.unless else ""
        yield f"text={shlex.quote(shell)}"
        references = dict.fromkeys(_REFERENCE.findall(f"{unless}\n{shell}"))
        if references:
            yield f"values=({' '.join(map(_pair, references))})"
        if task.user:
            yield f"user={shlex.quote(self._account('user', task.user))}"
        if task.cwd:
            yield f"cwd={shlex.quote(self._plain('cwd', task.cwd))}"
        environment = {**self._playbook.env, **task.env}
        if environment:
            yield f"environment=({' '.join(self._variable(*item) for item in environment.items())})"
        if task.creates:
            yield f"creates={shlex.quote(self._plain('creates', task.creates))}"
        if unless:
            yield f"unless={shlex.quote(unless)}"
            if task.user is None and task.cwd is None and _is_plain_test(unless):
                yield "plain=1"
        yield from self._result(task)

    def _result(self, task: RunTask) -> Iterator[str]:
        if task.registered:
            yield f"register={task.registered}"
        if not task.changes:
            yield "changes=0"
        if task.secret:
            yield "quiet=1"

    def _variable(self, name: str, text: str) -> str:
        secret = secret_alone(text)
        if secret is None:
            return shlex.quote(f"{name}={self._plain('env', text)}")
        return f'"{name}=${{secrets[{secret}]}}"'

    def _directory(self, task: DirectoryTask) -> Iterator[str]:
        yield f"dest={shlex.quote(self._path('directory', task.source))} folder_only=1"
        yield from self._owner(task, task.mode or "755")

    def _file(self, task: FileTask) -> Iterator[str]:
        content = self._content(task)
        with_secrets = b"\0" in content and task.kind != "copy"
        self.files[str(self._number)] = content
        dest = self._path("dest", task.dest)
        yield f"dest={shlex.quote(dest)} source={self._number}"
        if with_secrets:
            yield "with_secrets=1"
        mode = task.mode or ("600" if with_secrets else "644")
        if with_secrets and int(mode, 8) & 0o007:
            raise Mistake(f"mode {mode} would let everybody read a secret", word="mode")
        yield from self._owner(task, mode)
        if task.keep:
            yield f"keep_theirs={sha256(dest.encode()).hexdigest()[:32]}"

    def _owner(self, task: FileTask | DirectoryTask, mode: str) -> Iterator[str]:
        owner = self._account("owner", task.owner or task.user or "root")
        yield f"user={shlex.quote(self._account('user', task.user or owner))}"
        yield f"owner={shlex.quote(owner)} access={mode}"
        if task.group:
            yield f"group_name={shlex.quote(self._account('group', task.group))}"

    def _content(self, task: FileTask) -> bytes:
        if isinstance(task, CopyTask):
            return read_copy(self._playbook, task)
        text = task.source if isinstance(task, ContentTask) else read_template(self._playbook, task)
        return self._texts.file(task.kind, text).encode("utf-8")

    def _plain(self, word: str, text: str) -> str:
        return self._texts.plain(word, text)

    def _path(self, word: str, text: str) -> str:
        path = self._plain(word, text)
        if not path.startswith("/") or path.endswith("/"):
            raise Mistake(f"{word} is an absolute path, not {path!r}", word=word)
        return path

    def _account(self, word: str, text: str) -> str:
        name = self._plain(word, text)
        if not _ACCOUNT.fullmatch(name):
            raise Mistake(f"{name!r} is no account's name", word=word)
        return name


def _is_plain_test(unless: str) -> bool:
    """Whether it may run in the script's own shell, by root and at home: its only effect is its answer."""
    bare = _REFERENCE.sub("x", unless.strip()).removesuffix(" 2>&1").removesuffix(" >/dev/null")
    return "$secret_" not in unless and bool(_PLAIN_TEST.fullmatch(bare))


def _pair(reference: str) -> str:
    if reference.startswith("secret_"):
        return f'"{reference}=${{secrets[{reference.removeprefix("secret_")}]}}"'
    return f'"{reference}=${reference}"'
