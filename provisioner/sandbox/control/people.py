"""The part of the control interface that is about people: their phones, their bots, their e-mail."""

from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provisioner.errors import SandboxError
from provisioner.sandbox.control.assembly import Assembly
from provisioner.sandbox.mail.mailbox import Mail, links_in
from provisioner.sandbox.telegram.accounts import Bot
from provisioner.sandbox.telegram.messages import Message
from provisioner.sandbox.telegram.phones import NewBotDialog, StartScreen

LONGEST_WAIT = 300.0


class NewPhone(BaseModel):
    username: str
    name: str


class NewBot(BaseModel):
    name: str
    username: str
    owner: str
    can_manage_bots: bool = False


class Start(BaseModel):
    bot: str
    payload: str = ""


class TappedLink(BaseModel):
    url: str


class Tap(BaseModel):
    bot: str
    label: str


class Choice(BaseModel):
    """What a person changes in the dialog before they tap Create."""

    name: str | None = None
    username: str | None = None


class TypedText(BaseModel):
    bot: str
    text: str


def people_routes(assembly: Assembly) -> list[Route]:
    return [
        *_phone_routes(assembly),
        *_chat_routes(assembly),
        *_tap_routes(assembly),
        *_mail_routes(assembly),
    ]


def _phone_routes(assembly: Assembly) -> list[Route]:
    world, phones = assembly.telegram, assembly.phones

    async def index(_request: Request) -> Response:
        people = [
            {"id": user.id, "username": user.username, "name": user.first_name, "chats": _bots_of(user.id)}
            for user in world.users()
            if user.id != assembly.manager.owner_id
        ]
        return JSONResponse(people)

    def _bots_of(user_id: int) -> list[str]:
        return [bot.username for bot, _ in phones.chats(user_id)]

    async def add(request: Request) -> Response:
        new = NewPhone.model_validate_json(await request.body())
        user = world.add_user(new.name, new.username)
        return JSONResponse({"id": user.id, "username": user.username, "name": user.first_name}, 201)

    async def bots(_request: Request) -> Response:
        return JSONResponse([_bot(bot) for bot in world.bots()])

    async def add_bot(request: Request) -> Response:
        new = NewBot.model_validate_json(await request.body())
        bot = world.create_bot(new.owner, new.name, new.username, can_manage_bots=new.can_manage_bots)
        return JSONResponse(_bot(bot), 201)

    return [
        Route("/phones", index, methods=["GET"]),
        Route("/phones", add, methods=["POST"]),
        Route("/bots", bots, methods=["GET"]),
        Route("/bots", add_bot, methods=["POST"]),
    ]


def _chat_routes(assembly: Assembly) -> list[Route]:
    phones = assembly.phones

    async def start(request: Request) -> Response:
        body = Start.model_validate_json(await request.body())
        return JSONResponse(_message(phones.press_start(_user(request), body.bot, body.payload)), 201)

    async def say(request: Request) -> Response:
        body = TypedText.model_validate_json(await request.body())
        return JSONResponse(_message(phones.say(_user(request), body.bot, body.text)), 201)

    async def chat(request: Request) -> Response:
        messages = phones.chat(_user(request), request.path_params["bot"])
        return JSONResponse([_message(message) for message in messages])

    async def reply(request: Request) -> Response:
        query = request.query_params
        message = await phones.wait_for_reply(
            _user(request),
            request.path_params["bot"],
            after=int(query.get("after", "0")),
            containing=query.get("containing", ""),
            timeout=_timeout(request),
        )
        return JSONResponse(_message(message) if message else None)

    return [
        Route("/phones/{user}/start", start, methods=["POST"]),
        Route("/phones/{user}/messages", say, methods=["POST"]),
        Route("/phones/{user}/chats/{bot}", chat, methods=["GET"]),
        Route("/phones/{user}/chats/{bot}/reply", reply, methods=["GET"]),
    ]


def _tap_routes(assembly: Assembly) -> list[Route]:
    phones = assembly.phones
    screens: dict[int, StartScreen | NewBotDialog] = {}

    def show(request: Request, opened: object) -> Response:
        """What is on the screen now; one that asks something stays until it is confirmed."""
        user = assembly.telegram.user(_user(request))
        screens.pop(user.id, None)
        if isinstance(opened, StartScreen | NewBotDialog):
            screens[user.id] = opened
        return JSONResponse(_screen(opened), 201)

    async def open_link(request: Request) -> Response:
        body = TappedLink.model_validate_json(await request.body())
        return show(request, phones.open_link(_user(request), body.url))

    async def tap(request: Request) -> Response:
        body = Tap.model_validate_json(await request.body())
        on_keyboard = any(body.label in row for row in phones.keyboard(_user(request), body.bot))
        press = phones.tap_key if on_keyboard else phones.press_button
        return show(request, press(_user(request), body.bot, body.label))

    async def confirm(request: Request) -> Response:
        choice = Choice.model_validate_json(await request.body())
        user = assembly.telegram.user(_user(request))
        screen = screens.get(user.id)
        if screen is None:
            raise SandboxError("confirm", whom=user.title, cause="nothing on the screen asks for it")
        if isinstance(screen, StartScreen):
            phones.press_start(user, screen.bot, screen.payload)
            bot = screen.bot
        else:
            bot = phones.confirm(screen, name=choice.name, username=choice.username)
        del screens[user.id]
        return JSONResponse(_bot(bot), 201)

    return [
        Route("/phones/{user}/links", open_link, methods=["POST"]),
        Route("/phones/{user}/taps", tap, methods=["POST"]),
        Route("/phones/{user}/confirm", confirm, methods=["POST"]),
    ]


def _mail_routes(assembly: Assembly) -> list[Route]:
    mailbox = assembly.mailbox

    async def index(_request: Request) -> Response:
        return JSONResponse([_mail(number, mail) for number, mail in enumerate(mailbox.messages, start=1)])

    async def clear(_request: Request) -> Response:
        mailbox.clear()
        return Response(status_code=204)

    async def wait(request: Request) -> Response:
        query = request.query_params
        mail = await mailbox.wait_for(query["to"], query.get("subject", ""), _timeout(request))
        return JSONResponse(_mail(mailbox.messages.index(mail) + 1, mail) if mail else None)

    return [
        Route("/mailbox", index, methods=["GET"]),
        Route("/mailbox", clear, methods=["DELETE"]),
        Route("/mailbox/wait", wait, methods=["GET"]),
    ]


def _user(request: Request) -> str:
    return str(request.path_params["user"])


def _timeout(request: Request) -> float:
    timeout = float(request.query_params.get("timeout", "30"))
    if not 0 <= timeout <= LONGEST_WAIT:
        raise SandboxError("wait", cause=f"the time must lie between 0 and {LONGEST_WAIT:g} seconds")
    return timeout


def _bot(bot: Bot) -> dict[str, Any]:
    return {"id": bot.id, "name": bot.name, "username": bot.username, "token": bot.token}


def _message(message: Message) -> dict[str, Any]:
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return {
        "id": message.id,
        "sender": message.sender,
        "date": message.date,
        "text": message.text,
        "buttons": [[str(button.get("text", "")) for button in row] for row in rows],
    }


def _screen(opened: object) -> dict[str, Any]:
    """The screen that opened: Start, the dialog for a new bot, a web page, or no other than before."""
    if isinstance(opened, StartScreen):
        return {"kind": "start", "bot": opened.bot.username, "payload": opened.payload}
    if isinstance(opened, NewBotDialog):
        suggested = {"name": opened.name, "username": opened.username}
        return {"kind": "new_bot", "bot": opened.manager.username, **suggested}
    if isinstance(opened, str):
        return {"kind": "page", "url": opened}
    return {"kind": "chat"}


def _mail(number: int, mail: Mail) -> dict[str, Any]:
    return {
        "number": number,
        "sender": mail.sender,
        "recipients": list(mail.recipients),
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "links": links_in(mail),
        "date": str(mail.date or ""),
    }
