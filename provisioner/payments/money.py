"""Amounts in words. Stripe has them in the smallest unit of a currency, which is not always a hundredth."""

_WHOLE = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf"}
    | {"xof", "xpf"}
)
_THOUSANDTHS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£"}


def in_words(amount: int | None, currency: str | None) -> str:
    """An amount for people: "$89.99", "12,000 JPY"; what is not known is said to be so."""
    if amount is None:
        return "an unknown amount"
    code = (currency or "").lower()
    places = 0 if code in _WHOLE else 3 if code in _THOUSANDTHS else 2
    number = f"{abs(amount) / 10**places:,.{places}f}"
    sign = "-" if amount < 0 else ""
    if code in _SIGNS:
        return f"{sign}{_SIGNS[code]}{number}"
    return f"{sign}{number} {code.upper()}".rstrip()
