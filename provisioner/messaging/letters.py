"""The e-mails to a customer: each reason once, noted in the record before it is sent and after.

One that was noted and not sent may have gone out before a crash: it is not sent again.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

from provisioner import timestamps
from provisioner.customers.record import Customer
from provisioner.customers.record import Letter as SentLetter
from provisioner.errors import InputError, MailError
from provisioner.messaging.links import create_url, start_url
from provisioner.messaging.names import spoken_name
from provisioner.services.mail import Letter, MailUncertain
from provisioner.steps.base import Work

LETTERS = ("contact", "ready", "reminder", "handover", "cancelled")

_LABELLED = re.compile(r"(?P<label>[^\n]{1,80}): (?P<link>https://\S+)")
_LINK = re.compile(r"https://[^\s<>\"]+[^\s<>\".,;:!?)]")
_PAGE = (
    '<!doctype html>\n<html><head><meta charset="utf-8"></head>'
    '<body style="font:16px/1.5 sans-serif;max-width:36em;margin:2em auto;padding:0 1em;color:#222">\n'
    "{body}\n</body></html>\n"
)
_BUTTON = (
    '<p><a href="{link}" style="display:inline-block;padding:.6em 1.2em;border-radius:.4em;'
    'background:#1f6feb;color:#fff;text-decoration:none">{label}</a></p>'
)


def compose(words: str) -> Letter:
    """The letter that a rendered template says.

    Its first line is "Subject: …". Paragraphs are separated by empty lines; one that is "label: https://…"
    is a button in the HTML. Everything else in it is text, whatever it looks like.
    """
    first, _, rest = words.partition("\n")
    if not first.startswith("Subject: "):
        raise InputError("write an e-mail", cause="the template does not begin with a line “Subject: …”")
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", rest.strip())]
    text = "\n\n".join(paragraphs) + "\n"
    body = "\n".join(_paragraph(part) for part in paragraphs)
    return Letter(first.removeprefix("Subject: ").strip(), text, _PAGE.format(body=body))


def letter_to(work: Work, name: str) -> Letter:
    """The letter `name` for this customer, in the operator's words where they have changed it."""
    return compose(work.text(f"{name}.mail", particulars(work.customer)))


def particulars(customer: Customer) -> dict[str, object]:
    """What a letter may say about a customer; what is not known is empty."""
    messaging = customer.setup.messaging
    link = messaging.link if not messaging.bot_id else None
    username = messaging.bot_username or ""
    return {
        "first_name": spoken_name(customer.name),
        "create_link": create_url(link, customer) if link and link.suggested else "",
        "start_link": start_url(link) if link and link.code else "",
        "expires": (link.expires_at or "")[:10] if link else "",
        "bot_username": username,
        "bot_link": f"https://t.me/{username}" if username else "",
        "server_address": customer.setup.droplet.ip or "",
    }


def send(work: Work, name: str, reason: str | None = None) -> bool:
    """Send the letter `name`, unless one went out for this reason; whether it is known to be sent.

    What goes wrong is said and does not stop the setup: a letter that certainly was not sent is tried again
    by the next run.
    """
    reason = reason or name
    known = next((one for one in work.customer.setup.letters if one.reason == reason), None)
    if known is not None:
        return known.sent_at is not None
    mailer = work.services.mail
    if mailer is None:
        return False
    letter = letter_to(work, name)
    begun = {"reason": reason, "begunAt": timestamps.now()}
    work.write({"setup.letters": _with(work, begun)})
    try:
        mailer.send(work.customer.email, letter)
    except MailUncertain as problem:
        work.say(f"{problem.summary}; it is not sent again")
        return False
    except MailError as problem:
        forget(work, reason)
        work.say(problem.summary)
        return False
    sent = {**begun, "sentAt": timestamps.now()}
    work.record(f"{name}_sent", f"E-mail: {letter.subject}", {"setup.letters": _with(work, sent)})
    return True


def remind(work: Work, of_what: str) -> None:
    """Remind a customer who has been waited for since long, once for each time that the settings name."""
    waiting = work.customer.setup.waiting
    if waiting is None or not waiting.since:
        return
    waited = timestamps.hours_since(waiting.since)
    due = [hours for hours in work.settings.messaging.reminder_hours if hours <= waited]
    if due:
        send(work, "reminder", f"reminder of {of_what} after {max(due):g} h")


def forget(work: Work, *reasons: str) -> None:
    """As if nothing had gone out for these reasons, or those that begin with them."""
    kept = without(work.customer, *reasons)
    if len(kept) < len(work.customer.setup.letters):
        work.write({"setup.letters": kept})


def without(customer: Customer, *reasons: str) -> list[dict[str, Any]]:
    """The field `setup.letters` without those for these reasons, or for those that begin with them."""
    return [_document(one) for one in customer.setup.letters if not one.reason.startswith(reasons)]


def was_sent(customer: Customer, reason: str) -> bool:
    """Whether a letter is known to be sent for this reason."""
    return any(one.reason == reason and one.sent_at for one in customer.setup.letters)


def uncertain(customer: Customer) -> list[str]:
    """The letters that may not have gone out, and that the customer still needs; each once."""
    needless = {"contact"} if customer.setup.messaging.bot_id else set[str]()
    if customer.setup.status == "complete":
        needless.update(LETTERS)
    begun = (one.reason.split()[0] for one in customer.setup.letters if one.sent_at is None)
    return [name for name in dict.fromkeys(begun) if name not in needless]


def _with(work: Work, letter: Mapping[str, str]) -> list[Mapping[str, Any]]:
    others = [_document(one) for one in work.customer.setup.letters if one.reason != letter["reason"]]
    return [*others, letter]


def _document(letter: SentLetter) -> dict[str, Any]:
    document: dict[str, Any] = letter.model_dump(by_alias=True, exclude_none=True)
    return document


def _paragraph(text: str) -> str:
    labelled = _LABELLED.fullmatch(text)
    if labelled:
        link, label = html.escape(labelled["link"]), html.escape(labelled["label"])
        return _BUTTON.format(link=link, label=label)
    return f"<p>{_linked(text)}</p>"


def _linked(text: str) -> str:
    """The text escaped, with web addresses in it made links."""
    parts, end = [], 0
    for found in _LINK.finditer(text):
        link = html.escape(found[0])
        parts += [html.escape(text[end : found.start()]), f'<a href="{link}">{link}</a>']
        end = found.end()
    return "".join([*parts, html.escape(text[end:])]).replace("\n", "<br>\n")
