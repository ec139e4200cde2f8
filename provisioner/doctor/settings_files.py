"""Problems in readable settings files: other readers, and unknown names."""

import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import SettingsError
from provisioner.settings import ALLOW_PLAINTEXT, FROM_ENVIRONMENT, load_settings, nearest, read_env_file
from provisioner.workspace import ENVIRONMENT, Workspace, name_of_user

_NAMES = frozenset(FROM_ENVIRONMENT.values())
# They decide before there is a workspace, or must not be another's word.
_ONLY_IN_THE_PROCESS = frozenset({ALLOW_PLAINTEXT, ENVIRONMENT, "PROVISIONER_SANDBOX"})


@dataclass(frozen=True)
class SettingsProblem:
    """Something wrong with a file (`subject`), and what to do about it."""

    subject: str
    problem: str
    hint: str


def settings_problems(workspace: Workspace) -> list[SettingsProblem]:
    """All that is wrong with `.env` and the operator's key; what stops commands is left to their error."""
    return [*_of_env_file(workspace.root / ".env"), *_of_key(workspace)]


def _of_env_file(path: Path) -> Iterator[SettingsProblem]:
    yield from _of_secret_file(path)
    try:
        names = read_env_file(path)
    except SettingsError:
        return
    for name in names:
        if name in _ONLY_IN_THE_PROCESS:
            problem = f"{name} has no effect there"
            yield SettingsProblem(str(path), problem, f"set {name} in the environment of the command")
        elif name not in _NAMES:
            near = nearest(name, _NAMES)
            hint = (
                f"did you mean {near}?" if near else f"remove it, or use one of {', '.join(sorted(_NAMES))}"
            )
            yield SettingsProblem(str(path), f"nothing reads {name}", hint)


def _of_key(workspace: Workspace) -> Iterator[SettingsProblem]:
    from provisioner.ssh.keys import foreign_public_file, operator_key

    try:
        key = load_settings(workspace.root).ssh.key
        if key is None:
            return
        yield from _of_secret_file(key)
        foreign = foreign_public_file(key, operator_key(key))
    except SettingsError:
        return
    if foreign:
        quoted = shlex.quote(str(key))
        yield SettingsProblem(f"{key}.pub", foreign, f"ssh-keygen -y -f {quoted} > {quoted}.pub")


def _of_secret_file(path: Path) -> Iterator[SettingsProblem]:
    """Whether others than its owner, who is us, can read or change it."""
    try:
        status = path.stat()
    except OSError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        can = "change" if mode & 0o022 else "read"
        problem = f"others can {can} it: mode {mode:04o}"
        yield SettingsProblem(str(path), problem, f"chmod 600 {shlex.quote(str(path))}")
    if status.st_uid not in (0, os.geteuid()):
        problem = f"it belongs to {name_of_user(status.st_uid)}, who can read and change it"
        yield SettingsProblem(str(path), problem, f"chown {os.geteuid()} {shlex.quote(str(path))}")
