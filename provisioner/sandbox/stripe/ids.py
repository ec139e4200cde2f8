"""Ids of Stripe's forms, that no earlier life of a sandbox has given out."""

import secrets
import string
from typing import Final

_LETTERS: Final = string.ascii_letters + string.digits
_LENGTHS: Final = {"cus": 14, "prod": 14, "si": 14, "req": 14, "cs_test": 58, "cs_live": 58}
_DEFAULT_LENGTH: Final = 24


def new_id(prefix: str) -> str:
    """As `sub_1Qx…`: the prefix, and letters and digits that nobody can guess."""
    length = _LENGTHS.get(prefix, _DEFAULT_LENGTH)
    return f"{prefix}_" + "".join(secrets.choice(_LETTERS) for _ in range(length))
