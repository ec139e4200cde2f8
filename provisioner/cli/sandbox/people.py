"""The sandbox's commands for people: phones, bots, and the e-mail sent to them."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import Json
from provisioner.cli.output.result import Answer, Response, Told, Verbatim
from provisioner.cli.sandbox.choice import the_sandbox
from provisioner.errors import InputError, SandboxError

if TYPE_CHECKING:
    from provisioner.sandbox.control.client import ReceivedEmail, Said, Sandbox, Screen

_phone = typer.Typer(help="Use the customers' phones.", no_args_is_help=True, rich_markup_mode=None)
_mailbox = typer.Typer(help="List and show the e-mail that was sent.", rich_markup_mode=None)

Username = Annotated[str, typer.Argument(metavar="USERNAME", help="The person's Telegram username.")]


def register(app: typer.Typer) -> None:
    app.add_typer(_phone, name="phone")
    app.add_typer(_mailbox, name="mailbox")
    app.command("botfather")(_botfather)


def _botfather(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people see.")],
    username: Annotated[str, typer.Argument(metavar="NAME", help="Ends in bot.")],
    owner: Annotated[
        str, typer.Option(metavar="USERNAME", help="The bot's owner, who gets a phone if they have none.")
    ] = "operator",
    manages: Annotated[bool, typer.Option("--manages", help="It may manage other bots.")] = False,
) -> Response:
    """Create a bot, as BotFather does, and print its token."""
    sandbox = the_sandbox()
    owner = owner.removeprefix("@")
    if owner.lower() not in {(phone.username or "").lower() for phone in sandbox.phones()}:
        sandbox.add_phone(owner)
    bot = sandbox.create_bot(name, username.removeprefix("@"), owner, can_manage_bots=manages)
    return Response(Told([bot.token]))


@_phone.command("list")
def _list(json: Json = False) -> Response:
    """List the phones, and the bots that their owners talk to."""
    phones = the_sandbox().phones()
    lines = [
        f"@{phone.username}  {phone.name}  {' '.join(f'@{bot}' for bot in phone.chats)}".rstrip()
        for phone in phones
    ]
    return Response(Answer(lines, {"phones": [asdict(phone) for phone in phones]}, "sandboxPhones"), json)


@_phone.command("add")
def _add(
    username: Username,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Their first name.")] = None,
) -> None:
    """Add a phone with Telegram."""
    the_sandbox().add_phone(username.removeprefix("@"), name)


@_phone.command("start")
def _start(username: Username, bot: Annotated[str, typer.Argument(metavar="BOT")]) -> None:
    """Open the bot's chat and press Start."""
    the_sandbox().press_start(_plain(username), _plain(bot))


@_phone.command("open")
def _open(username: Username, url: Annotated[str, typer.Argument(metavar="LINK")]) -> Response:
    """Open a link, and print what opens."""
    return Response(Told([_seen(the_sandbox().open_link(_plain(username), url))]))


@_phone.command("tap")
def _tap(
    username: Username,
    bot: Annotated[str, typer.Argument(metavar="BOT", help="In whose chat.")],
    label: Annotated[str, typer.Argument(metavar="LABEL", help="What the button says.")],
) -> Response:
    """Tap a button in a chat, and print what opens."""
    return Response(Told([_seen(the_sandbox().tap(_plain(username), _plain(bot), label))]))


@_phone.command("confirm")
def _confirm(
    username: Username,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another name than the dialog suggests.")
    ] = None,
    bot: Annotated[
        str | None, typer.Option(metavar="USERNAME", help="Another username than the dialog suggests.")
    ] = None,
) -> Response:
    """Tap the Start or Create that is on the screen, and print the bot."""
    chosen = the_sandbox().confirm(_plain(username), name=name, bot=_plain(bot) if bot else None)
    return Response(Told([f"@{chosen.username}"]))


@_phone.command("say")
def _say(
    username: Username,
    bot: Annotated[str, typer.Argument(metavar="BOT")],
    text: Annotated[list[str], typer.Argument(metavar="TEXT")],
) -> None:
    """Send a message to the bot."""
    the_sandbox().say(_plain(username), _plain(bot), " ".join(text))


@_phone.command("read")
def _read(
    username: Username,
    bot: Annotated[
        str | None, typer.Argument(metavar="BOT", help="Which chat, if there are several.")
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, help="Wait up to so many seconds for an answer to the last message."
        ),
    ] = 0,
    json: Json = False,
) -> Response:
    """Show the chat as the person sees it."""
    sandbox = the_sandbox()
    partner = _plain(bot) if bot else _only_chat(sandbox, _plain(username))
    if wait:
        _wait_for_answer(sandbox, _plain(username), partner, wait)
    chat = sandbox.chat(_plain(username), partner)
    content = {"bot": partner, "messages": [asdict(message) for message in chat]}
    lines = [Verbatim(_spoken(message, _plain(username), partner) + "\n") for message in chat]
    return Response(Answer(lines, content, "sandboxChat"), json)


@_mailbox.callback(invoke_without_command=True)
def _mails(context: typer.Context, json: Json = False) -> Response | None:
    """List the e-mail that was sent, oldest first."""
    if context.invoked_subcommand:
        return None
    mails = the_sandbox().mailbox()
    lines = [f"{mail.number}  to {', '.join(mail.recipients)}: {mail.subject}" for mail in mails]
    content = {"mails": [asdict(mail) for mail in mails]}
    return Response(Answer(lines or ["no mail"], content, "sandboxMailbox"), json)


@_mailbox.command("show")
def _show(number: Annotated[int, typer.Argument(metavar="NUMBER", min=1)]) -> Response:
    """Show one e-mail whole."""
    return Response(Told([Verbatim(_opened(_received(number)) + "\n")]))


@_mailbox.command("links")
def _links(number: Annotated[int, typer.Argument(metavar="NUMBER", min=1)]) -> Response:
    """Print the links in one e-mail."""
    return Response(Told(_received(number).links))


def _received(number: int) -> "ReceivedEmail":
    mails = the_sandbox().mailbox()
    if number > len(mails):
        raise InputError("show the e-mail", whom=str(number), cause=f"there are {len(mails)}")
    return mails[number - 1]


def _wait_for_answer(sandbox: "Sandbox", username: str, bot: str, seconds: float) -> None:
    own = [message.id for message in sandbox.chat(username, bot) if message.sender == "user"]
    if sandbox.wait_for_reply(username, bot, after=max(own, default=0), timeout=seconds) is None:
        cause = f"@{bot} has written nothing for {seconds:g} s"
        raise SandboxError("read the answer", whom=f"@{username}", cause=cause, retry=True)


def _only_chat(sandbox: "Sandbox", username: str) -> str:
    chats = [bot for phone in sandbox.phones() if phone.username == username for bot in phone.chats]
    if len(chats) != 1:
        found = " ".join(f"@{bot}" for bot in chats) or "none"
        raise InputError(
            "choose the chat", whom=f"@{username}", cause=f"there are: {found}", hint="name the bot"
        )
    return chats[0]


def _spoken(message: "Said", username: str, bot: str) -> str:
    who = bot if message.sender == "bot" else username
    at = time.strftime("%H:%M:%S", time.localtime(message.date))
    buttons = "".join(f"\n    [{' | '.join(row)}]" for row in message.buttons)
    return f"{at} @{who}: {message.text}{buttons}"


def _seen(screen: "Screen") -> str:
    if screen.kind == "start":
        return f"@{screen.bot} with its Start button: confirm presses it"
    if screen.kind == "new_bot":
        return f"a new bot “{screen.name}”, @{screen.username}, managed by @{screen.bot}: confirm creates it"
    return f"the web page {screen.url}" if screen.kind == "page" else "the chat"


def _opened(mail: "ReceivedEmail") -> str:
    head = [
        f"From: {mail.sender}",
        f"To: {', '.join(mail.recipients)}",
        f"Subject: {mail.subject}",
        f"Date: {mail.date}",
    ]
    return "\n".join([*head, "", mail.text or mail.html or ""])


def _plain(username: str) -> str:
    return username.removeprefix("@")
