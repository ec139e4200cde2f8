"""Whatever a request carries, it gets a result or a refusal."""

import asyncio
import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from provisioner.sandbox.telegram import methods
from provisioner.sandbox.telegram.api import METHODS, call
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.refusals import Refusal
from provisioner.sandbox.telegram.world import World

NAMES = [
    "action",
    "added_user_ids",
    "allowed_updates",
    "callback_query_id",
    "chat_id",
    "commands",
    "description",
    "draft_id",
    "entities",
    "file_id",
    "is_access_restricted",
    "language_code",
    "limit",
    "menu_button",
    "message_id",
    "message_ids",
    "name",
    "offset",
    "parse_mode",
    "reaction",
    "reply_markup",
    "reply_parameters",
    "scope",
    "text",
    "url",
    "user_id",
]
ATOMS = st.none() | st.booleans() | st.integers(-5, 10) | st.text(max_size=8) | st.just(700_000_101)
SHAPES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "inline_keyboard", "keyboard", "url", "message_id", "request_managed_bot"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(METHODS)), st.dictionaries(st.sampled_from(NAMES), SHAPES, max_size=6))
def test_any_request_is_answered(method: str, params: dict[str, Any]) -> None:
    assert methods.__all__
    world = World()
    ada = world.add_user("Ada", "ada", user_id=700_000_101)
    bot = world.create_bot(ada, "Bot", "some_bot", can_manage_bots=True)
    Phones(world).press_start(ada, bot)
    with contextlib.suppress(Refusal):
        asyncio.run(call(world, bot.token, method, {"chat_id": ada.id, **params}))
    for message in Phones(world).chat(ada, bot):
        world.as_json(message)
    Phones(world).keyboard(ada, bot)
