"""The step remind: an e-mail to a customer whose payment has failed, once for each day of the policy."""

from provisioner.customers.leaving import at
from provisioner.customers.record import Customer
from provisioner.customers.unpaid import due_reminder, is_unpaid
from provisioner.messaging.emails import known_email
from provisioner.messaging.registry import emails_to
from provisioner.services.mail import MailUncertain
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work

NAME = "payment_reminder"


class RemindOfPayment(Step):
    """Sends the e-mail whose day has come; noted before, so that none goes out twice."""

    name = "remind"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        missing = settings.missing_for_customers()
        return missing if settings.smtp_url else [*missing, "set SMTP_URL in the environment or in .env"]

    def done(self, customer: Customer) -> bool:
        return not is_unpaid(customer)

    def plan(self, work: Work) -> list[Planned]:
        reason = _due(work)
        return [Planned("remind the customer of the payment", needed=reason is not None)]

    def run(self, work: Work) -> Outcome:
        work.refresh()
        reason = _due(work)
        if reason is not None:
            try:
                emails_to(work).send_now(NAME, reason)
            except MailUncertain as problem:
                work.say(f"{problem.summary}; it is not sent again")
        return Done()


def _due(work: Work) -> str | None:
    """The reason of the e-mail that is to be sent now, which may just have been paid for."""
    reason = due_reminder(work.customer, work.settings.billing.reminder_days, at(work.clock.time()))
    return None if reason is None or known_email(work.customer, reason) is not None else reason
