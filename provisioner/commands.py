"""Command lines that are printed for somebody to copy into a shell."""

import shlex


def command(name: str, *arguments: str, options: str = "") -> str:
    """`provisioner NAME …` with each argument quoted for a shell, however it was typed in.

    `options` are ours and stay as they are. An argument that looks like an option stands behind `--`.
    """
    quoted = " ".join(map(shlex.quote, arguments))
    guarded = any(argument.startswith("-") and argument != "-" for argument in arguments)
    words = (
        ("provisioner", name, options, "--", quoted) if guarded else ("provisioner", name, quoted, options)
    )
    return " ".join(filter(None, words))
