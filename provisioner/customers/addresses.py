"""E-mail addresses: which are any, and which are the same."""

from provisioner.errors import InputError

_NOBODYS = frozenset('`$!#%^*={}|?/\\"<>()[]:;, ')
_PUNYCODE = "xn--"


def checked_address(text: str) -> str:
    """The address in its usual form; InputError if mail could never be sent to it. Nothing is looked up.

    What the grammar of addresses allows and nobody has is refused too: characters that mean something to a
    shell, or a dash at the beginning. Such an address is a slip, or is meant to be pasted into a command.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        address = validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as problem:
        raise InputError("use the address", whom=text, cause=problem) from None
    odd = sorted(set(address) & _NOBODYS)
    if odd:
        cause = f"nobody's address has {' '.join(odd)} in it"
        raise InputError("use the address", whom=text, cause=cause)
    if address.startswith("-"):
        raise InputError("use the address", whom=text, cause="nobody's address begins with a dash")
    return address


def fold(text: str) -> str:
    """Addresses and names that differ in case only are the same, and so are two spellings of one.

    A letter with an accent may be one character or two, and a domain may be written in its letters or as
    `xn--…`, which mail programs turn it into.
    """
    if text.isascii() and _PUNYCODE not in text.lower():
        return text.lower()
    import unicodedata

    local, at, domain = unicodedata.normalize("NFC", text.lower()).rpartition("@")
    spelled = ".".join(map(_spelled, domain.split("."))) if at else domain
    return unicodedata.normalize("NFC", f"{local}{at}{spelled}".lower())


def _spelled(label: str) -> str:
    """A part of a domain in its letters."""
    if not label.startswith(_PUNYCODE):
        return label
    try:
        return label.removeprefix(_PUNYCODE).encode("ascii").decode("punycode")
    except UnicodeError:
        return label
