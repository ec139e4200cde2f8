"""The second step: the server made ready, and Moltbot installed and healthy on it."""

from provisioner.customers.record import Customer
from provisioner.errors import RemoteError
from provisioner.settings import Settings
from provisioner.steps.base import Done, Outcome, Work
from provisioner.timestamps import now


class Moltbot:
    """Brings the server to the state of the playbooks `server` and `moltbot`."""

    name = "moltbot"

    def needs(
        self,
        settings: Settings,
        customer: Customer,  # noqa: ARG002 - the shape of a step
    ) -> list[str]:
        if settings.anthropic_key is None:
            return ["set ANTHROPIC_API_KEY in the environment or in .env"]
        return []

    def done(self, customer: Customer) -> bool:
        moltbot = customer.setup.moltbot
        return bool(moltbot.installed and moltbot.version)

    def run(self, work: Work) -> Outcome:
        settings, customer = work.settings, work.customer
        work.server.apply("server", {"ssh_port": settings.ssh.port})
        assert settings.anthropic_key, "needs() asks for the key"
        token = customer.setup.messaging.bot_token
        found = work.server.apply(
            "moltbot",
            {
                "moltbot_version": settings.moltbot.version,
                "node_version": settings.moltbot.node,
                "node_mirror": settings.node_mirror,
                "model": settings.moltbot.model,
                "anthropic_base_url": settings.anthropic_base_url or "",
                "telegram_token_known": bool(token),
                "customer_name": customer.name or "",
                "joined": (customer.signup_date or now())[:10],
                "plan": customer.subscription.plan or "",
                "operator_name": settings.operator.name,
                "operator_contact": settings.operator.contact,
            },
            {
                "ANTHROPIC_API_KEY": settings.anthropic_key.get_secret_value(),
                "TELEGRAM_BOT_TOKEN": token or "none",
            },
        )
        version = found.get("version")
        if not version:
            raise RemoteError("install Moltbot", cause="the gateway did not say its version")
        work.record(
            "moltbot_installed",
            f"Installed Moltbot {version}",
            {
                "setup.moltbot.installed": True,
                "setup.moltbot.installedAt": now(),
                "setup.moltbot.version": version,
            },
        )
        return Done()
