"""Customers whose server is to have another size: until it has, it may be off, and nothing is broken."""

from typing import TYPE_CHECKING

from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.view import AnyCustomer


def is_resizing(customer: "AnyCustomer") -> bool:
    """Whether something of it is still to be done; the server may be off."""
    return customer.setup.resize is not None


def goes_on(customer: "AnyCustomer") -> str:
    """The command that goes on with it."""
    resize = customer.setup.resize
    assert resize is not None, "only of who is being resized"
    return command("resize", customer.email, resize.to, options="--disk" if resize.disk else "")
