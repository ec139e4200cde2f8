"""What a customer is to have: which of record, plan and settings counts, and where it is changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.customers.wanted import Choice, settings_of, to_change, wanted_of
from provisioner.settings import DropletSettings, MoltbotSettings, PlanSettings, Settings
from tests.steps.support import new_record

EMAIL, PRICE = "customer@example.com", "price_big"
OF_PLAN = {"size": "s-2vcpu-4gb", "region": "fra1", "model": "anthropic/claude-opus-5", "version": "2026.9.5"}
OF_RECORD = {
    "size": "s-4vcpu-8gb",
    "region": "nyc3",
    "model": "anthropic/claude-haiku-5",
    "version": "2026.9.4",
}
SETTINGS = Settings(
    droplet=DropletSettings(region="sfo2", size="s-1vcpu-1gb"),
    moltbot=MoltbotSettings(model="anthropic/claude-sonnet-5", version="2026.9.6"),
    plans={PRICE: PlanSettings(**OF_PLAN), "price_other": PlanSettings(size="s-2vcpu-2gb")},
)
OF_SETTINGS = {
    "size": "s-1vcpu-1gb",
    "region": "sfo2",
    "model": "anthropic/claude-sonnet-5",
    "version": "2026.9.6",
}


def customer(price: str | None = None, **recorded: str) -> Any:
    droplet = {name: recorded[name] for name in ("size", "region") if name in recorded}
    moltbot = {"model": recorded.get("model"), "pinnedVersion": recorded.get("version")}
    setup = {"status": "pending", "droplet": droplet, "moltbot": moltbot}
    return new_record(subscription={"stripePriceId": price}, setup=setup).customer


@given(st.sets(st.sampled_from(sorted(OF_RECORD))), st.sets(st.sampled_from(sorted(OF_PLAN))), st.booleans())
def test_the_record_goes_before_the_plan_and_that_before_the_settings(
    recorded: set[str], planned: set[str], pays_it: bool
) -> None:
    plan = PlanSettings(**{name: OF_PLAN[name] for name in planned})
    settings = SETTINGS.model_copy(update={"plans": {PRICE: plan}})
    ada = customer(PRICE if pays_it else "price_nobody_knows", **{name: OF_RECORD[name] for name in recorded})

    wanted = wanted_of(ada, settings)

    for name in OF_SETTINGS:
        choice = wanted.of(name)  # type: ignore[arg-type]
        if name in recorded:
            assert choice == Choice(OF_RECORD[name], "record")
        elif pays_it and name in planned:
            assert choice == Choice(OF_PLAN[name], "plan", PRICE)
        else:
            assert choice == Choice(OF_SETTINGS[name], "settings")
    theirs = settings_of(ada, settings)
    assert theirs.droplet.size == wanted.size.value
    assert theirs.droplet.region == wanted.region.value
    assert theirs.moltbot.model == wanted.model.value
    assert theirs.moltbot.version == wanted.version.value
    assert theirs.droplet.image == settings.droplet.image


def test_it_is_said_where_each_comes_from() -> None:
    said = str(wanted_of(customer(PRICE, size="s-4vcpu-8gb"), SETTINGS))

    assert said == (
        "size s-4vcpu-8gb (the record), region fra1 (the plan of price_big), "
        "model anthropic/claude-opus-5 (the plan of price_big), version 2026.9.5 (the plan of price_big)"
    )


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("record", f"provisioner update {EMAIL} setup.moltbot.model anthropic/x"),
        ("plan", 'set model = "anthropic/x" under [plans."price_big"] in provisioner.toml'),
        ("settings", 'set model = "anthropic/x" under [moltbot] in provisioner.toml'),
    ],
)
def test_it_is_changed_where_it_stands(source: Any, how: str) -> None:
    assert to_change(EMAIL, "model", "anthropic/x", source, PRICE) == how
