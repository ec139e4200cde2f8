"""The API as OpenRouter's own Python client sees it, which checks each answer against its specification."""

from collections.abc import Iterator

import pytest
from openrouter import OpenRouter
from openrouter.errors import ForbiddenResponseError, NotFoundResponseError, UnauthorizedResponseError

from provisioner.sandbox.openrouter.account import Account
from provisioner.sandbox.openrouter.app import openrouter_app
from tests.serving import serving

MANAGEMENT = "sk-or-v1-" + "4d" * 32
MODEL = "anthropic/claude-sonnet-5"


@pytest.fixture
def root() -> Iterator[str]:
    with serving(openrouter_app(Account(MANAGEMENT))) as address:
        yield f"{address}/api/v1"


def ask(client: OpenRouter, words: str) -> str:
    answer = client.chat.send(model=MODEL, messages=[{"role": "user", "content": words}])
    return str(answer.choices[0].message.content)


# The client reads a field that its specification has given up.
@pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")
def test_a_key_from_its_making_to_its_end(root: str) -> None:
    with OpenRouter(api_key=MANAGEMENT, server_url=root) as manager:
        made = manager.api_keys.create(name="cust_1", limit=0.000001, limit_reset="monthly")
        with OpenRouter(api_key=made.key, server_url=root) as customer:
            assert MODEL in [model.id for model in manager.models.list().result.data]
            assert "hello there" in ask(customer, "hello there")
            with pytest.raises(ForbiddenResponseError, match="Key limit exceeded"):
                ask(customer, "and again")
            shown = manager.api_keys.get(hash=made.data.hash).data
            assert (shown.usage_monthly > 0, shown.limit_remaining) == (True, 0)
            assert customer.api_keys.get_current_key_metadata().data.usage == shown.usage
            assert manager.credits.get_credits().data.total_usage == shown.usage
            assert manager.api_keys.update(hash=made.data.hash, limit=5).data.limit == 5
            stream = customer.chat.send(
                model=MODEL, messages=[{"role": "user", "content": "go on"}], stream=True
            )
            assert list(stream)[-1].usage.cost > 0
            manager.api_keys.update(hash=made.data.hash, disabled=True)
            with pytest.raises(UnauthorizedResponseError):
                ask(customer, "anybody there?")
            assert manager.api_keys.list(include_disabled=True).data[0].disabled
            manager.api_keys.delete(hash=made.data.hash)
            with pytest.raises(UnauthorizedResponseError):
                ask(customer, "anybody there?")
        with pytest.raises(NotFoundResponseError):
            manager.api_keys.get(hash=made.data.hash)
