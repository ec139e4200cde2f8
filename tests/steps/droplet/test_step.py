"""The droplet step against the sandbox's API: what it records, and what it does when things go wrong."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from provisioner.droplets.identity import name_of, same_key, tag_of, tags_of
from provisioner.errors import CloudError, ProvisionerError
from provisioner.services.digitalocean.errors import (
    AccountLocked,
    DropletFailed,
    DropletGone,
    DropletLimitReached,
    DropletUnclear,
    NoAnswer,
    NotOffered,
    NotTheApi,
    TokenRefused,
    TooManyRequests,
)
from provisioner.settings import Settings
from provisioner.ssh.keys import generate_keypair
from provisioner.ssh.operator_keys import OperatorKeys
from provisioner.step import Done
from provisioner.steps.droplet.step import CreateDroplet
from tests.clouds import FastCloud
from tests.services.digitalocean.test_client import SPEC
from tests.steps.droplets import demand_whole, droplets_of, installed_host_key, new_work
from tests.steps.support import MARK, new_record

POST = {"method": "POST", "path": "droplets$"}


def test_a_customer_gets_one_droplet_and_the_record_says_which(cloud: FastCloud, operator_key: Path) -> None:
    work = new_work(cloud, operator_key)

    outcome = CreateDroplet().run(work)

    assert outcome == Done()
    demand_whole(cloud, work)
    droplet_id = work.customer.setup.droplet.id
    assert work.events == ["droplet_created", "droplet_active"]
    assert work.details[0] == f"Created DO droplet {droplet_id}"
    assert CreateDroplet().done(work.customer)


def test_the_operator_may_log_in_and_nothing_but_ssh_gets_in(cloud: FastCloud, operator_key: Path) -> None:
    work = new_work(cloud, operator_key)
    CreateDroplet().run(work)

    [droplet] = cloud.droplets
    [key] = cloud.cloud.keys.values()
    assert droplet.authorized_keys == (key.public_key,)
    assert cloud.machines.inbound[droplet.id] == ("tcp/22",)


def test_while_the_operators_key_is_replaced_both_may_log_in(cloud: FastCloud, operator_key: Path) -> None:
    key = cloud_key(operator_key)
    coming = OperatorKeys(key).prepare()

    CreateDroplet().run(new_work(cloud, key))

    [droplet] = cloud.droplets
    taken = {line.split()[1] for line in droplet.authorized_keys}
    assert taken == {one.public.split()[1] for one in (OperatorKeys(key).current, coming)}


def test_one_that_begins_when_the_request_is_written_down_is_known_to_it(
    cloud: FastCloud, operator_key: Path
) -> None:
    """Whoever replaces the key looks at the records: from the intent on it is theirs to see."""
    key = cloud_key(operator_key)
    work = new_work(cloud, key)
    work.after = lambda _: None if work.customer.setup.droplet.requested_at is None else prepared(key)

    CreateDroplet().run(work)

    [droplet] = cloud.droplets
    assert len(droplet.authorized_keys) == 2


def prepared(key: Path) -> None:
    OperatorKeys(key).prepare()


def cloud_key(operator_key: Path) -> Path:
    """The same key in a folder of its own, beside which another may be made."""
    folder = Path(tempfile.mkdtemp(dir=operator_key.parent))
    return Path(shutil.copy(operator_key, folder / "id_ed25519"))


def test_an_undisturbed_run_does_not_wait_and_asks_little(cloud: FastCloud, operator_key: Path) -> None:
    CreateDroplet().run(new_work(cloud, operator_key))
    before, waited = cloud.requests(), len(cloud.clock.waited)
    polls = cloud.requests("GET", "/v2/droplets/{id}")

    CreateDroplet().run(new_work(cloud, operator_key, new_record(id="cust_2", email="b@example.com")))

    polls = cloud.requests("GET", "/v2/droplets/{id}") - polls
    # Looking up the key and the firewall, a look by tag, the snapshots, the creation, and the sweep after it.
    assert cloud.requests() - before == 6 + polls
    assert all(seconds == 2 for seconds in cloud.clock.waited[waited:])


def test_the_intent_is_durable_before_the_request(cloud: FastCloud, operator_key: Path) -> None:
    work = new_work(cloud, operator_key)
    at_request: list[dict[str, object]] = []

    def before(what: str) -> None:
        if what == "droplet_created":
            at_request.append(json.loads(json.dumps(work.saved.data["setup"]["droplet"])))

    work.before = before
    CreateDroplet().run(work)

    [intent] = at_request
    assert intent["name"] == name_of(work.customer.id)
    assert intent["tag"] == tag_of(work.customer.id)
    assert str(intent["hostKey"]).startswith("ssh-ed25519 ")
    assert intent["requestedAt"]
    assert "id" not in intent


def test_the_private_host_key_is_in_no_record_and_no_progress(cloud: FastCloud, operator_key: Path) -> None:
    work = new_work(cloud, operator_key)
    cloud.fault("drop_after_effect", **POST)
    CreateDroplet().run(work)

    assert "PRIVATE" in cloud.droplets[0].user_data
    assert "PRIVATE" not in json.dumps(work.saved.data) + "".join(work.said)


def test_a_complete_customer_needs_nothing_and_half_a_record_is_not_complete(cloud: FastCloud) -> None:
    whole = {"id": "1", "ip": "127.77.0.2", "hostKey": "ssh-ed25519 AAAA"}
    for missing in ("", *whole):
        droplet = {key: value for key, value in whole.items() if key != missing}
        customer = new_record(setup={"status": "in_progress", "droplet": droplet}).customer
        assert CreateDroplet().done(customer) is (missing == "")


# What is needed is named before anything is spent


def test_all_that_is_missing_is_named_at_once(cloud: FastCloud, tmp_path: Path) -> None:
    settings = Settings.model_validate({"ssh": {"key": tmp_path / "none"}})

    needs = CreateDroplet().needs(settings, new_record().customer)

    assert len(needs) == 2
    assert "DIGITALOCEAN_ACCESS_TOKEN" in needs[0]
    assert "provisioner init" in needs[1]


def test_a_key_that_cannot_be_used_is_named(cloud: FastCloud, tmp_path: Path) -> None:
    path = tmp_path / "key"
    locked = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"passphrase")
    )
    for text, reason in (
        (locked, "has a passphrase"),
        (b"no", "no private key"),
        (b"\xff", "no private key"),
    ):
        path.write_bytes(text)
        settings = Settings.model_validate({"digitalocean_token": "t", "ssh": {"key": path}})
        [need] = CreateDroplet().needs(settings, new_record().customer)
        assert reason in need
        assert str(path) in need


def test_nothing_is_needed_with_a_token_and_a_key(cloud: FastCloud, operator_key: Path) -> None:
    work = new_work(cloud, operator_key)

    assert CreateDroplet().needs(work.settings, work.customer) == []


# A request whose end is not known


@pytest.mark.parametrize("kind", ["drop_after_effect", "truncate"])
def test_a_lost_answer_is_made_up_for_by_looking(cloud: FastCloud, operator_key: Path, kind: str) -> None:
    cloud.fault(kind, **POST)
    work = new_work(cloud, operator_key)

    CreateDroplet().run(work)

    demand_whole(cloud, work)
    assert cloud.requests("POST", "/v2/droplets") == 1
    assert "was lost" in work.details[0]


@pytest.mark.parametrize("lag", ["list_lag", "tag_lag"])
def test_lists_and_tags_that_lag_are_waited_for(cloud: FastCloud, operator_key: Path, lag: str) -> None:
    cloud.fault("drop_after_effect", **POST)
    cloud.fault(lag, **POST, params={"seconds": 50})
    work = new_work(cloud, operator_key)

    CreateDroplet().run(work)

    demand_whole(cloud, work)
    assert cloud.requests("POST", "/v2/droplets") == 1
    assert 50 <= sum(cloud.clock.waited) <= 62


@pytest.mark.parametrize("kind", ["reset", "html", "status"])
def test_a_request_that_had_no_effect_is_repeated_after_a_clean_window_with_a_new_host_key(
    cloud: FastCloud, operator_key: Path, kind: str
) -> None:
    cloud.fault(kind, **POST, params={"status": 500} if kind == "status" else {})
    work = new_work(cloud, operator_key)
    intents: list[object] = []
    work.after = lambda _: intents.append(work.saved.get("setup.droplet.hostKey"))

    CreateDroplet().run(work)

    demand_whole(cloud, work)
    assert cloud.requests("POST", "/v2/droplets") == 2
    assert intents[0] != intents[1]
    assert 60 <= sum(cloud.clock.waited) < 75


def test_asking_ends_and_the_next_run_looks_first(cloud: FastCloud, operator_key: Path) -> None:
    cloud.fault("html", **POST, count=2)
    work = new_work(cloud, operator_key)

    with pytest.raises(CloudError, match="asked 2 times") as error:
        CreateDroplet().run(work)

    assert error.value.retry
    assert work.customer.setup.droplet.requested_at
    looks = cloud.requests("GET", "/v2/droplets")
    resumed = new_work(cloud, operator_key, work.saved)
    CreateDroplet().run(resumed)
    demand_whole(cloud, resumed)
    assert cloud.requests("GET", "/v2/droplets") - looks >= 2 * 12
    assert cloud.requests("POST", "/v2/droplets") == 3


def test_looking_that_fails_is_not_a_clean_window(cloud: FastCloud, operator_key: Path) -> None:
    cloud.fault("drop_after_effect", **POST)
    cloud.fault("list_lag", **POST, params={"seconds": 50})
    cloud.fault("status", "GET", "droplets", after=4, count=None, params={"status": 503})
    work = new_work(cloud, operator_key)

    with pytest.raises(NoAnswer):
        CreateDroplet().run(work)

    cloud.book.clear()
    resumed = new_work(cloud, operator_key, work.saved)
    CreateDroplet().run(resumed)
    demand_whole(cloud, resumed)


def test_a_droplet_of_an_earlier_request_is_adopted_with_its_own_host_key(
    cloud: FastCloud, operator_key: Path
) -> None:
    """The first request shows its effect late: when a second one, with another key, had been written down."""
    cloud.fault("drop_after_effect", **POST)
    work = new_work(cloud, operator_key)
    cloud.fault("status", "GET", r"droplets\?", after=1, count=None, params={"status": 404})
    with pytest.raises(ProvisionerError):
        CreateDroplet().run(work)
    cloud.book.clear()
    work.write({"setup.droplet.hostKey": "ssh-ed25519 AAAAanother moltbot"})

    resumed = new_work(cloud, operator_key, work.saved)
    CreateDroplet().run(resumed)

    demand_whole(cloud, resumed)


def test_an_api_that_takes_no_requests_for_now_is_asked_again_when_it_says(
    cloud: FastCloud, operator_key: Path
) -> None:
    cloud.fault("status", **POST, count=2, params={"status": 429, "retry_after": 17})
    work = new_work(cloud, operator_key)

    CreateDroplet().run(work)

    demand_whole(cloud, work)
    assert cloud.clock.waited[:2] == [17, 17]


def test_a_limit_that_is_far_away_ends_the_run_without_doubt(cloud: FastCloud, operator_key: Path) -> None:
    cloud.fault("status", **POST, count=None, params={"status": 429, "retry_after": 1800})
    work = new_work(cloud, operator_key)

    with pytest.raises(TooManyRequests):
        CreateDroplet().run(work)

    assert work.customer.setup.droplet.requested_at is None
    assert cloud.clock.waited == []


# What cannot be proven is asked


def foreign(cloud: FastCloud, *, name: str = "somebody", tags: tuple[str, ...] = ()) -> str:
    """A droplet that no request of this product made."""
    return cloud.client().create_droplet(replace(SPEC, name=name, tags=tags)).id


def test_a_droplet_with_the_customers_tag_that_the_record_does_not_know_stops_the_run(
    cloud: FastCloud, operator_key: Path
) -> None:
    work = new_work(cloud, operator_key)
    stranger = foreign(cloud, tags=(tag_of(work.customer.id),))

    with pytest.raises(DropletUnclear, match=stranger) as error:
        CreateDroplet().run(work)

    assert error.value.droplets == (stranger,)
    assert "delete it" in (error.value.hint or "")
    assert len(cloud.droplets) == 1
    assert work.customer.setup.droplet.requested_at is None


def test_a_droplet_of_that_name_that_states_no_host_key_is_not_adopted(
    cloud: FastCloud, operator_key: Path
) -> None:
    work = new_work(cloud, operator_key)
    stranger = foreign(cloud, name=name_of(work.customer.id))
    work.write({"setup.droplet.requestedAt": "2026-01-29T05:54:00Z"})

    with pytest.raises(DropletUnclear, match=stranger):
        CreateDroplet().run(work)

    assert len(cloud.droplets) == 1


def test_a_droplet_of_that_name_with_another_customers_tags_is_not_adopted(
    cloud: FastCloud, operator_key: Path
) -> None:
    work = new_work(cloud, operator_key)
    tags = tags_of("cust_another", generate_keypair("x").public, MARK)
    stranger = foreign(cloud, name=name_of(work.customer.id), tags=tags)
    work.write({"setup.droplet.requestedAt": "2026-01-29T05:54:00Z"})

    with pytest.raises(DropletUnclear, match=stranger):
        CreateDroplet().run(work)

    assert work.customer.setup.droplet.id is None
    assert len(cloud.droplets) == 1


def test_a_new_droplet_has_the_mark_of_its_workspace(cloud: FastCloud, operator_key: Path) -> None:
    CreateDroplet().run(new_work(cloud, operator_key))

    assert f"workspace:{MARK}" in cloud.droplets[0].tags


@pytest.mark.parametrize("asked", [None, "2026-01-29T05:54:00Z"])
def test_a_droplet_of_another_workspace_is_a_stranger_that_is_neither_taken_nor_to_be_deleted(
    cloud: FastCloud, operator_key: Path, asked: str | None
) -> None:
    work = new_work(cloud, operator_key)
    tags = tags_of(work.customer.id, generate_keypair("x").public, "wffffffff")
    stranger = foreign(cloud, name=name_of(work.customer.id), tags=tags)
    work.write({"setup.droplet.requestedAt": asked})

    with pytest.raises(DropletUnclear, match="of another workspace: it has the mark wffffffff") as error:
        CreateDroplet().run(work)

    assert error.value.droplets == (stranger,)
    assert "delete" not in (error.value.hint or "")
    assert len(cloud.droplets) == 1


def test_a_workspace_that_has_lost_its_mark_still_finds_the_droplet_of_its_own_request(
    cloud: FastCloud, operator_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.fault("drop_after_effect", **POST)
    work = new_work(cloud, operator_key)
    cloud.fault("status", "GET", r"droplets\?", after=1, count=None, params={"status": 404})
    with pytest.raises(ProvisionerError):
        CreateDroplet().run(work)
    cloud.book.clear()
    resumed = new_work(cloud, operator_key, work.saved)
    monkeypatch.setattr("tests.steps.support.MARK", "wffffffff")

    CreateDroplet().run(resumed)

    demand_whole(cloud, resumed)


def test_the_wish_in_the_record_goes_before_the_settings(cloud: FastCloud, operator_key: Path) -> None:
    wish = {"size": "s-2vcpu-4gb", "region": "fra1"}
    work = new_work(cloud, operator_key, new_record(setup={"status": "pending", "droplet": wish}))

    [planned] = CreateDroplet().plan(work)
    CreateDroplet().run(work)

    assert "s-2vcpu-4gb, fra1, image debian-12-x64: none of our own was built" in planned.text
    demand_whole(cloud, work)
    assert (cloud.droplets[0].size.slug, cloud.droplets[0].region.slug) == ("s-2vcpu-4gb", "fra1")


def test_a_refused_request_leaves_no_wish_behind(cloud: FastCloud, operator_key: Path) -> None:
    """The operator changes the settings then, and they have to count."""
    cloud.cloud.options.sold_out = ("sfo3",)
    work = new_work(cloud, operator_key)
    with pytest.raises(NotOffered):
        CreateDroplet().run(work)

    CreateDroplet().run(new_work(cloud, operator_key, work.saved, region="fra1"))

    assert cloud.droplets[0].region.slug == "fra1"


def test_a_droplet_that_was_renamed_is_found_by_its_tag(cloud: FastCloud, operator_key: Path) -> None:
    cloud.fault("drop_after_effect", **POST)
    work = new_work(cloud, operator_key)
    cloud.fault("status", "GET", r"droplets\?", after=1, count=None, params={"status": 404})
    with pytest.raises(ProvisionerError):
        CreateDroplet().run(work)
    cloud.book.clear()
    cloud.droplets[0].name = "renamed-by-hand"

    CreateDroplet().run(new_work(cloud, operator_key, work.saved))

    assert work.customer.setup.droplet.id == str(cloud.droplets[0].id)
    assert len(cloud.droplets) == 1


def test_two_droplets_stop_the_run_and_both_are_kept(cloud: FastCloud, operator_key: Path) -> None:
    work = new_work(cloud, operator_key, active_seconds=20)
    cloud.fault("drop_after_effect", **POST)
    cloud.fault("list_lag", **POST, params={"seconds": 62})
    cloud.fault("stuck", **POST, after=1)

    with pytest.raises(DropletFailed):
        CreateDroplet().run(work)
    cloud.droplets[1].status, cloud.droplets[1].address = "active", "127.77.0.9"
    with pytest.raises(DropletUnclear) as error:
        CreateDroplet().run(new_work(cloud, operator_key, work.saved))

    ids = {str(droplet.id) for droplet in droplets_of(cloud, work)}
    assert set(error.value.droplets) == ids
    assert len(ids) == 2
    assert all(one in error.value.summary for one in ids)
    assert work.customer.setup.droplet.ip is None


def test_when_the_operator_has_deleted_one_of_two_the_other_is_taken(
    cloud: FastCloud, operator_key: Path
) -> None:
    work = new_work(cloud, operator_key)
    CreateDroplet().run(work)
    again = foreign(cloud, tags=(tag_of(work.customer.id),))
    work.write({"setup.droplet.id": None, "setup.droplet.ip": None})

    with pytest.raises(DropletUnclear):
        CreateDroplet().run(work)
    cloud.client().delete_droplet(again)
    CreateDroplet().run(work)

    [droplet] = droplets_of(cloud, work)
    assert work.customer.setup.droplet.id == str(droplet.id)


def test_a_droplet_that_the_operator_named_without_its_host_key_is_not_trusted(
    cloud: FastCloud, operator_key: Path
) -> None:
    named = foreign(cloud)
    work = new_work(cloud, operator_key)
    work.write({"setup.droplet.id": named})

    with pytest.raises(DropletUnclear, match="host key") as error:
        CreateDroplet().run(work)

    assert "setup.droplet.hostKey" in (error.value.hint or "")
    assert not CreateDroplet().done(work.customer)


def test_reading_the_address_again_keeps_a_host_key_that_the_server_got_later(
    cloud: FastCloud, operator_key: Path
) -> None:
    work = new_work(cloud, operator_key)
    CreateDroplet().run(work)
    later = generate_keypair("later").public
    work.write({"setup.droplet.hostKey": later, "setup.droplet.ip": None})

    CreateDroplet().run(work)

    assert work.customer.setup.droplet.host_key == later
    assert work.customer.setup.droplet.ip == cloud.droplets[0].address


def test_a_host_key_that_the_record_lost_is_read_from_the_droplet(
    cloud: FastCloud, operator_key: Path
) -> None:
    work = new_work(cloud, operator_key)
    CreateDroplet().run(work)
    work.write({"setup.droplet.hostKey": None})

    CreateDroplet().run(work)

    assert same_key(work.customer.setup.droplet.host_key, installed_host_key(cloud.droplets[0]))


# Accepted, and then


def test_a_droplet_that_vanishes_is_asked_for_again_by_the_next_run(
    cloud: FastCloud, operator_key: Path
) -> None:
    cloud.fault("vanish", **POST)
    work = new_work(cloud, operator_key)

    with pytest.raises(DropletFailed, match="is not in the account") as error:
        CreateDroplet().run(work)

    assert error.value.retry
    assert work.events == ["droplet_created", "droplet_failed"]
    resumed = new_work(cloud, operator_key, work.saved)
    CreateDroplet().run(resumed)
    demand_whole(cloud, resumed)


def test_a_recorded_droplet_that_is_gone_is_not_replaced_by_a_guess(
    cloud: FastCloud, operator_key: Path
) -> None:
    """The token may be one of another account."""
    work = new_work(cloud, operator_key)
    work.write({"setup.droplet.id": "4711"})

    with pytest.raises(DropletGone, match="4711 is gone") as error:
        CreateDroplet().run(work)

    assert "provisioner rebuild customer@example.com" in (error.value.hint or "")
    assert work.customer.setup.droplet.id == "4711"
    assert cloud.droplets == []


def test_a_creation_that_errs_is_named_before_the_deadline(cloud: FastCloud, operator_key: Path) -> None:
    cloud.fault("errored", **POST)
    work = new_work(cloud, operator_key)

    with pytest.raises(DropletFailed, match="could not create"):
        CreateDroplet().run(work)

    assert sum(cloud.clock.waited) < 60
    assert len(cloud.droplets) == 1


def test_one_that_is_gone_when_its_creation_is_asked_about_is_looked_for_again(
    cloud: FastCloud, operator_key: Path
) -> None:
    cloud.fault("stuck", **POST)
    cloud.fault("status", method="GET", path="/actions", count=None, params={"status": 404})
    work = new_work(cloud, operator_key, active_seconds=100)

    with pytest.raises(DropletFailed, match="is new after"):
        CreateDroplet().run(work)


def test_a_droplet_that_takes_too_long_is_waited_for_by_the_next_run(
    cloud: FastCloud, operator_key: Path
) -> None:
    cloud.fault("stuck", **POST)
    work = new_work(cloud, operator_key, active_seconds=100, poll_seconds=5)

    with pytest.raises(DropletFailed, match="is new after 100 s") as error:
        CreateDroplet().run(work)

    assert error.value.retry
    assert set(cloud.clock.waited) == {5}
    assert any("waiting for droplet" in line for line in work.said)
    cloud.droplets[0].status, cloud.droplets[0].address = "active", "127.77.0.9"
    CreateDroplet().run(work)
    demand_whole(cloud, work)


def test_an_active_droplet_without_a_public_address_is_named(cloud: FastCloud, operator_key: Path) -> None:
    cloud.cloud.options.public_networking = False
    work = new_work(cloud, operator_key, active_seconds=20)

    with pytest.raises(
        DropletFailed, match="is active, but without a public IPv4 address after 20 s"
    ) as error:
        CreateDroplet().run(work)

    assert not error.value.retry
    assert "public networking" in (error.value.hint or "")
    assert any("without a public IPv4 address" in line for line in work.said)
    cloud.cloud.options.public_networking = True
    CreateDroplet().run(work)
    demand_whole(cloud, work)


def test_a_gateways_404_does_not_take_a_droplet_out_of_the_record(
    cloud: FastCloud, operator_key: Path
) -> None:
    cloud.fault("html", "GET", r"/droplets/\d+", count=None, params={"status": 404})
    work = new_work(cloud, operator_key, settle_seconds=5)

    with pytest.raises(NotTheApi):
        CreateDroplet().run(work)

    assert work.customer.setup.droplet.id == str(cloud.droplets[0].id)
    assert work.events == ["droplet_created"]
    cloud.book.clear()
    CreateDroplet().run(new_work(cloud, operator_key, work.saved))
    demand_whole(cloud, work)


def test_a_droplet_that_is_switched_off_is_named(cloud: FastCloud, operator_key: Path) -> None:
    work = new_work(cloud, operator_key, active_seconds=20)
    cloud.fault("stuck", **POST)
    with pytest.raises(DropletFailed):
        CreateDroplet().run(work)
    cloud.droplets[0].status = "off"

    with pytest.raises(DropletFailed, match="is off") as error:
        CreateDroplet().run(work)

    assert "switch it on" in (error.value.hint or "")


# Refused


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"token": "revoked"}, TokenRefused),
        ({"account_status": "locked"}, AccountLocked),
        ({"droplet_limit": 0}, DropletLimitReached),
        ({"sold_out": ("sfo3",)}, NotOffered),
        ({"sold_out": ("s-1vcpu-2gb",)}, NotOffered),
    ],
)
def test_what_is_refused_is_named_and_the_next_run_asks_at_once(
    cloud: FastCloud, operator_key: Path, options: dict[str, object], name: type[CloudError]
) -> None:
    work = new_work(cloud, operator_key)
    before = cloud.cloud.options.model_copy()
    for option, value in options.items():
        setattr(cloud.cloud.options, option, value)

    with pytest.raises(name) as error:
        CreateDroplet().run(work)

    assert error.value.hint
    assert not error.value.retry
    assert cloud.droplets == []
    cloud.cloud.options = before
    CreateDroplet().run(work)
    demand_whole(cloud, work)
    assert all(seconds == 2 for seconds in cloud.clock.waited)
