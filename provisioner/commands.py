"""Command lines that are printed for somebody to copy into a shell."""

import shlex

_everywhere: list[str] = []
_WITHOUT_WORKSPACE = frozenset({"init", "sandbox", "demo"})


def choose_everywhere(*options: str) -> None:
    """Options that every printed command needs: the workspace, where the operator has named one."""
    _everywhere[:] = options


def command(name: str, *arguments: str, options: str = "") -> str:
    """`provisioner NAME …` with each argument quoted for a shell, however it was typed in.

    `options` are ours and stay as they are. An argument that looks like an option stands behind `--`.
    """
    quoted = " ".join(map(shlex.quote, arguments))
    guarded = any(argument.startswith("-") and argument != "-" for argument in arguments)
    program = shlex.join(("provisioner", *(() if name in _WITHOUT_WORKSPACE else _everywhere)))
    words = (program, name, options, "--", quoted) if guarded else (program, name, quoted, options)
    return " ".join(filter(None, words))
