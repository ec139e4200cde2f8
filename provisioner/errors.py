"""Every error that the product raises on purpose.

    ProvisionerError                       1   failed; running the same command again resumes
    ├── InputError                         2   the words of a command, or a value, are wrong
    │   ├── SettingsError                      a setting is missing or wrong
    │   ├── SomethingMissing                   what the steps of a run need is not there
    │   ├── UnknownCustomer                    no record has this address or id
    │   ├── WebhookRefused                     what came is no event that Stripe has just signed
    │   └── PlaybookError                      a playbook's text is wrong (file, line, task)
    ├── BusyError                          4   another live process holds this customer
    ├── RecordError                            a customer's file is broken, or cannot be written
    ├── BackupError                            a backup is none, or cannot be kept
    ├── StrangeEvent                           an event of Stripe is not as documented
    ├── ServiceError                           an outside service refused, or did not answer
    │   ├── CloudError                         DigitalOcean
    │   │   ├── CloudCallError                 a call did not succeed
    │   │   │   ├── TokenRefused               the token is wrong, has expired or was revoked (401)
    │   │   │   ├── ScopeMissing               the token, or its account, may not do this (403)
    │   │   │   ├── AccountLocked              the account is locked
    │   │   │   ├── NotFound                   there is nothing by this id (404)
    │   │   │   ├── NotOffered                 size, region or image cannot be had
    │   │   │   ├── DropletLimitReached        the account has all that it may have
    │   │   │   ├── TooManyRequests            no more requests for now (429)
    │   │   │   └── NoAnswer                   none, a broken one, or it failed itself (5xx)
    │   │   │       └── NotTheApi              a gateway or a proxy refused
    │   │   ├── DropletFailed                  it was accepted and did not come up
    │   │   │   └── DropletOff                 it is there, and switched off
    │   │   ├── ActionFailed                   what was asked to be done to it was refused, or failed
    │   │   ├── DropletGone                    the one in the record is not in the account
    │   │   └── DropletUnclear                 which one is the customer's is not certain
    │   ├── TelegramError                      the Bot API
    │   │   ├── BotTokenRefused                the token is wrong or was revoked
    │   │   ├── ChatClosed                     the bot may not write to this person
    │   │   ├── AccountGone                    the person's account was deleted
    │   │   ├── MessageGone                    what should be changed is not there
    │   │   ├── ReadElsewhere                  another program reads this bot's messages
    │   │   ├── TelegramBusy                   too many requests, or no connection
    │   │   └── TelegramUncertain              it may have been sent
    │   ├── ModelError                         the model's provider
    │   │   ├── ModelRefused                   no assistant can use the model
    │   │   │   ├── ModelKeyRefused            the key is not taken
    │   │   │   └── ModelUnknown               there is no such model for the key
    │   │   ├── ManagementKeyRefused           the key that makes customers' keys is not taken
    │   │   ├── ModelKeyGone                   there is no key by this hash
    │   │   └── ModelProviderBusy              too many requests, or no answer
    │   ├── MailError                          SMTP
    │   │   └── MailUncertain                  it may have been sent
    │   └── StripeError                        Stripe's API
    │       ├── StripeKeyRefused               the key is wrong, or may not do this
    │       ├── NothingThere                   there is nothing by this id
    │       └── StripeBusy                     too many requests, or no answer
    ├── RemoteError                            a customer's server
    │   ├── HostKeyError                       it showed another key than the one we know
    │   ├── LoginRefused                       it does not take the key
    │   ├── ConnectionLost                     the link is gone; what runs there goes on
    │   ├── NothingRan                         it let us in, and ended before our command
    │   │   └── PasswordExpired                somebody has to set root's password first
    │   ├── TaskFailed                         a task of a playbook failed
    │   └── VersionRefused                     a version failed its gates; the old one is back
    └── SandboxError                           the outside world in a box

The number is the exit code of the command line; where none stands, it is that of the line which it belongs
to. Each error says what was being done, to whom, why it failed, whether trying again can help, and what to
do next. What a service or a server adds stands beside its client, and in this drawing.
"""

from typing import ClassVar, Final

from provisioner.reasons import DISK_FULL_HINT, reason_in, says_disk_full

_LAST_LINES: Final = 12


class ProvisionerError(Exception):
    """Something that was being done failed, with what to do about it.

    `doing` finishes the sentence "could not …" ("create the droplet"); `whom` is a customer's address, a
    server or a file; `cause` is the reason in one line; `detail` are lines that help to understand it, such
    as a command's last words; `hint` is the next thing to do, as an instruction; `retry` says whether the
    same call may succeed later without anybody changing anything.
    """

    exit_code: ClassVar[int] = 1
    everybodys: ClassVar[bool] = False
    """Whether all customers meet the cause: a setting, an account, an outage."""

    def __init__(
        self,
        doing: str,
        *,
        whom: str | None = None,
        cause: str | BaseException | None = None,
        detail: str | None = None,
        hint: str | None = None,
        retry: bool = False,
    ) -> None:
        self.doing = doing
        self.whom = whom
        self.cause = _in_one_line(cause)
        self.detail = detail
        self.hint = hint
        self.retry = retry
        super().__init__(self.summary)

    @property
    def summary(self) -> str:
        """The whole error but its hint, as one sentence."""
        whom = f" for {self.whom}" if self.whom else ""
        cause = f": {self.cause}" if self.cause else ""
        return f"could not {self.doing}{whom}{cause}"


class InputError(ProvisionerError):
    """The words of a command, or a value in them, are wrong; nothing was done."""

    exit_code = 2


class SettingsError(InputError):
    """A setting is missing or wrong; nothing was done."""

    everybodys = True


class SomethingMissing(InputError):
    """What the steps of a run need is not there, or would be refused; the hint names all of it.

    Mostly settings: where it is the customer's own, the hint has a command with their address.
    """

    everybodys = True


class UnknownCustomer(InputError):
    """No record has this address or id."""


class PlaybookError(InputError):
    """A playbook's text is wrong; nothing was run."""


class BusyError(ProvisionerError):
    """Another live process holds this customer."""

    exit_code = 4


class RecordError(ProvisionerError):
    """A customer's file is broken or cannot be written; it was left as it is."""


class ServiceError(ProvisionerError):
    """An outside service refused, or did not answer."""


class CloudError(ServiceError):
    """DigitalOcean refused, or did not answer."""


class TelegramError(ServiceError):
    """The Bot API refused, or did not answer."""


class ModelError(ServiceError):
    """The model's provider refused, or did not answer."""

    everybodys = True


class MailError(ServiceError):
    """The mail server refused, or did not answer."""


class StripeError(ServiceError):
    """Stripe's API refused, or did not answer."""

    everybodys = True


class RemoteError(ProvisionerError):
    """Work on a customer's server failed."""


class HostKeyError(RemoteError):
    """The server showed another host key than the one in the record; nothing was sent to it."""


class ConnectionLost(RemoteError):
    """The link to the server is gone; what was started there goes on."""


class TaskFailed(RemoteError):
    """A task of a playbook failed on the server.

    `output` are the last lines that it printed, without secrets; `log` is the path of the whole output on
    the server; exit code 124 means that it ran out of time.
    """

    def __init__(
        self, doing: str, *, whom: str, playbook: str, task: str, exit_code: int, output: str, log: str
    ) -> None:
        self.playbook = playbook
        self.task = task
        self.task_exit_code = exit_code
        self.output = output
        self.log = log
        how = "ran out of time" if exit_code == 124 else f"ended with exit code {exit_code}"
        reason = reason_in(output)
        lines = [line for line in output.splitlines() if line.strip()]
        correct = "correct the cause and run the same command again"
        super().__init__(
            doing,
            whom=whom,
            cause=f"the task “{task}” {how}" + (f": {reason}" if reason else ""),
            detail="\n".join(lines[-_LAST_LINES:]) if len(lines) > 1 else None,
            hint=DISK_FULL_HINT
            if says_disk_full(output)
            else f"{correct}; all output is on the server: {log}",
        )


class SandboxError(ProvisionerError):
    """The sandbox could not do what was asked."""


def _in_one_line(cause: str | BaseException | None) -> str | None:
    if cause is None:
        return None
    if isinstance(cause, ProvisionerError):
        text = cause.summary
    elif isinstance(cause, BaseException):
        text = str(cause) or type(cause).__name__
    else:
        text = cause
    return " ".join(text.split())
