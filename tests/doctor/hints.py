"""The commands that a hint tells somebody to run, parsed by the command line itself."""

import re
import shlex
from typing import Any

from typer.main import get_command

from provisioner.cli.main import application
from provisioner.customers import fields
from provisioner.customers.record import Customer

# Words of ours behind a command.
_WORDS = "or|and|then|again|prints|tells|makes|shows|has|once|if|where|which|says"
_BEHIND = re.compile(rf"[,;.]( |$)| \(| ({_WORDS}) ")


def commands_in(hint: str) -> list[list[str]]:
    """Each command of the hint, as the words that a shell would make of it."""
    texts = re.split(r"(?:^|(?<=[ (]))provisioner (?=[a-z-])", hint)[1:]
    return [shlex.split(_BEHIND.split(text)[0]) for text in texts]


def check_hint(hint: str) -> list[list[str]]:
    """The hint's commands, after the command line has taken each one; `update` for a field that there is."""
    found = commands_in(hint)
    for words in found:
        command: Any = get_command(application())
        name, arguments = words[0], words[1:]
        while hasattr(command, "commands"):
            assert name in command.commands, f"there is no command {name}: {hint}"
            command = command.commands[name]
            if hasattr(command, "commands"):
                name, arguments = arguments[0], arguments[1:]
        context = command.make_context(name, list(arguments))
        if name == "update":
            fields.find_field(Customer, {}, context.params["field"])
    return found
