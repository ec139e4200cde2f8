"""Whose certificates are trusted."""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@functools.cache
def certificates() -> "ssl.SSLContext":
    """The usual authorities', loaded once: it takes 50 ms, which is more than most calls."""
    import httpx

    return httpx.create_ssl_context()
