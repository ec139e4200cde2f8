"""What a process that goes on says: one line each, for people and journald, or as JSON."""

from collections.abc import Callable
from threading import Lock

from provisioner.cli.output.redaction import known_redactor
from provisioner.cli.output.render import flush, print_json_line, say
from provisioner.cli.output.terminal import err
from provisioner.printable import clean
from provisioner.runs.progress import event_line
from provisioner.settings import Settings


def sayer(settings: Settings, *, as_json: bool) -> Callable[[str], None]:
    """Prints one line on standard error, from any thread, without secrets; whoever reads may have left."""
    redact = known_redactor(records=False)
    redact.learn(*settings.secret_values())
    lock = Lock()

    def tell(text: str) -> None:
        line = redact(clean(text))
        with lock:
            try:
                if as_json:
                    print_json_line(event_line(text=line), err())
                else:
                    say(line)
                    flush()
            except OSError:
                return

    return tell
