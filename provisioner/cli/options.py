"""Arguments and options that several commands share."""

from typing import Annotated

import typer

Who = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's address, or their id (cust_…).")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
