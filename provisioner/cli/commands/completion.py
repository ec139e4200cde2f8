"""Shell completion of commands, options, and the addresses of customers.

The shells take every answer as data, one line each, and evaluate none of it. Addresses are found by the
names of files, so that no more files are read than can be shown.
"""

import json
import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli.output.result import Response, Told, Verbatim
from provisioner.errors import InputError, ProvisionerError
from provisioner.printable import clean

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter

    from provisioner.workspace import Workspace

MOST = 200
"""The maximum number of addresses that are offered."""
_MOST_BYTES = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_BASH = r"""_provisioner_completion() {
    local line=${COMP_LINE:0:COMP_POINT} reply mark
    local typed=${line##*[[:space:]]} kept=
    # bash puts its answer in place of what follows the last of these characters only.
    for mark in @ = :; do
        if [[ $COMP_WORDBREAKS == *$mark* && $typed == *$mark* ]]; then
            reply=${typed%"${typed##*"$mark"}"}
            ((${#reply} > ${#kept})) && kept=$reply
        fi
    done
    COMPREPLY=()
    while IFS=$'\t' read -r reply _; do
        [[ $reply ]] && printf -v reply %q "$reply" && COMPREPLY+=("${reply#"$kept"}")
    done < <("$1" complete --line "$line" 2>/dev/null)
}
complete -o default -F _provisioner_completion provisioner
"""
_ZSH = r"""#compdef provisioner
_provisioner() {
    local -a values shown
    local value about
    while IFS=$'\t' read -r value about; do
        values+=("$value")
        shown+=("$value${about:+  -- $about}")
    done < <("${words[1]}" complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    if (($#values)); then compadd -l -d shown -a values; else _files; fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _provisioner "$@"
else
    compdef _provisioner provisioner
fi
"""
_FISH = r"""function __provisioner_complete
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] complete -- $words[2..] 2>/dev/null
end
complete -c provisioner -f -a '(__provisioner_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("completion")(completion)
    app.command("complete", hidden=True)(complete)


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> Response:
    """Print a completion script for commands and addresses.

    bash: eval "$(provisioner completion bash)" in ~/.bashrc

    zsh: eval "$(provisioner completion zsh)" in ~/.zshrc, after compinit

    fish: provisioner completion fish > ~/.config/fish/completions/provisioner.fish
    """
    if shell not in _SCRIPTS:
        cause, hint = f"there is nothing for {shell}", f"one of {', '.join(_SCRIPTS)}"
        raise InputError("complete in this shell", cause=cause, hint=hint)
    return Response(Told([Verbatim(_SCRIPTS[shell])]))


def complete(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD")] = None,
    line: Annotated[
        str | None, typer.Option(metavar="LINE", help="The whole line up to the cursor, in their place.")
    ] = None,
) -> Response:
    """Answer a shell: the candidates for the last of these words, each with its help."""
    typed = list(words or [""]) if line is None else _split(line)[1:] or [""]
    root = context.find_root().command
    return Response(
        Told(
            [
                Verbatim(f"{value}\t{clean(about)}\n" if about else f"{value}\n")
                for value, about in candidates(root, typed)
                if value == clean(value) and not any(letter.isspace() for letter in value)
            ]
        )
    )


def candidates(root: "Command", words: list[str]) -> Iterator[tuple[str, str]]:
    """The candidates for the last word, each with its help."""
    from typer._click.shell_completion import _resolve_context, _resolve_incomplete

    *before, last = words
    context = _resolve_context(root, {}, "provisioner", before)
    asked, last = _resolve_incomplete(context, before, last)
    if getattr(asked, "metavar", None) == "EMAIL" and context.info_name != "add":
        yield from ((address, "") for address in _addresses(context, last))
    elif getattr(asked, "metavar", None) == "DIR":
        yield from ((folder, "") for folder in _folders(last))
    elif (known := _words_of(asked)) is not None:
        yield from ((word, "") for word in known if word.startswith(last))
    else:
        yield from ((one.value, one.help or "") for one in asked.shell_complete(context, last))


def _words_of(asked: "Command | Parameter") -> Iterable[str] | None:
    if getattr(asked, "metavar", None) == "STEP":
        from provisioner.customers.done import STEPS

        return STEPS
    if getattr(asked, "metavar", None) == "SHELL":
        return _SCRIPTS
    if getattr(asked, "opts", None) == ["--status"]:
        from provisioner.customers.lifecycle import STATUSES

        return STATUSES
    return None


def _addresses(context: "Context", typed: str) -> list[str]:
    """The addresses in the workspace that begin with what was typed."""
    from provisioner.cli.context import choose_workspace, current_workspace

    before_the_command = context.find_root().params.get("workspace")
    if before_the_command is not None:
        choose_workspace(Path(before_the_command))
    try:
        workspace = current_workspace()
    except (ProvisionerError, OSError):
        return []
    return list(addresses(workspace, typed, archived=context.info_name == "restore"))


def addresses(workspace: "Workspace", typed: str, *, archived: bool = False) -> Iterator[str]:
    """The addresses that begin as typed, in any case; found by the names of their files."""
    from provisioner.customers.addresses import fold
    from provisioner.customers.files.file_names import ACTIVE, ARCHIVE, SUFFIX, plain_name

    folder = workspace.customers_dir / (ARCHIVE if archived else ACTIVE)
    wanted = fold(plain_name(typed).removesuffix(SUFFIX))
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(SUFFIX) and fold(entry.name).startswith(wanted)
            )
    except OSError:
        return
    for name in names[:MOST]:
        address = _address_in(folder / name)
        if fold(address).startswith(fold(typed)):
            yield address


def _address_in(path: Path) -> str:
    """The address in a record, even if the rest is broken; empty if there is none."""
    try:
        handle = os.open(path, _READ)
        with os.fdopen(handle, "rb") as file:
            data: Any = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return ""
    address = data.get("email") if isinstance(data, dict) else None
    return address if isinstance(address, str) else ""


def _folders(typed: str) -> Iterator[str]:
    """The folders whose paths begin with what was typed."""
    above, _, name = typed.rpartition("/")
    start = f"{above}/" if "/" in typed else ""
    try:
        with os.scandir(Path(start).expanduser()) as entries:
            found = sorted(entry.name for entry in entries if entry.is_dir() and entry.name.startswith(name))
    except (OSError, RuntimeError):
        return
    yield from (f"{start}{one}/" for one in found if name or not one.startswith("."))


def _split(line: str) -> list[str]:
    """Split a line as a shell does; after an open quote the rest is the last word."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:
        words.append(lexer.token)
    return [*words, ""] if not line or line[-1].isspace() else words
