"""What droplets, tags, firewalls and private networks may be called."""

import re
from typing import Annotated

from pydantic import AfterValidator

_HOSTNAME = re.compile(r"[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]")
_TAG = re.compile(r"[a-zA-Z0-9_\-:]+")
_FIREWALL = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.\-]+")
_VPC = re.compile(r"[a-zA-Z0-9.\-]+")
MAX_LENGTH = 255


def _hostname(name: str) -> str:
    if len(name) > MAX_LENGTH or not _HOSTNAME.fullmatch(name):
        raise ValueError("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
    return name


def _tag(name: str) -> str:
    if len(name) > MAX_LENGTH or not _TAG.fullmatch(name):
        raise ValueError("Tag names may only contain letters, numbers, colons, dashes and underscores")
    return name


def _firewall(name: str) -> str:
    if len(name) > MAX_LENGTH or not _FIREWALL.fullmatch(name):
        raise ValueError("invalid firewall name")
    return name


def _vpc(name: str) -> str:
    if len(name) > MAX_LENGTH or not _VPC.fullmatch(name):
        raise ValueError("name may only contain alphanumeric characters, dashes, and periods")
    return name


DropletName = Annotated[str, AfterValidator(_hostname)]
TagName = Annotated[str, AfterValidator(_tag)]
FirewallName = Annotated[str, AfterValidator(_firewall)]
VpcName = Annotated[str, AfterValidator(_vpc)]
