"""Every page there is."""

from typing import Final

from provisioner.web.pages import actions, customer, customers, money, operations, sign_in, today
from provisioner.web.pages.site import Page

ALL: Final[tuple[Page, ...]] = (
    *sign_in.PAGES,
    *today.PAGES,
    *customers.PAGES,
    *customer.PAGES,
    *actions.PAGES,
    *money.PAGES,
    *operations.PAGES,
)
