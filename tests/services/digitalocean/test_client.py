"""The client against the sandbox's API: what it returns, and what the errors are called."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

from provisioner.errors import SettingsError
from provisioner.services.digitalocean import client as module
from provisioner.services.digitalocean.client import DropletSpec
from provisioner.services.digitalocean.errors import (
    AccountLocked,
    CloudCallError,
    DropletLimitReached,
    NoAnswer,
    NotFound,
    NotOffered,
    NotTheApi,
    ScopeMissing,
    TokenRefused,
    TooManyRequests,
)
from provisioner.ssh.keys import generate_keypair, md5_fingerprint
from tests.clouds import TOKEN, FastCloud

SPEC = DropletSpec(
    name="moltbot-cust-1",
    region="sfo3",
    size="s-1vcpu-2gb",
    image="debian-12-x64",
    ssh_keys=(),
    tags=("customer:cust_1", "provisioner"),
    user_data="#cloud-config\n{}\n",
)


def some_droplets(cloud: FastCloud, count: int) -> list[str]:
    client = cloud.client()
    return [client.create_droplet(SPEC).id for _ in range(count)]


def test_a_created_droplet_is_accepted_and_then_active(cloud: FastCloud) -> None:
    client = cloud.client()

    accepted = client.create_droplet(SPEC)
    while (droplet := client.droplet(accepted.id)).status == "new":
        assert droplet.public_ipv4 is None
        cloud.clock.sleep(1)

    assert accepted.status == "new"
    assert accepted.id.isdecimal()
    assert droplet.status == "active"
    assert droplet.public_ipv4 == cloud.droplets[0].address
    assert droplet.name == SPEC.name
    assert set(droplet.tags) == set(SPEC.tags)
    assert (droplet.region, droplet.size) == ("sfo3", "s-1vcpu-2gb")
    assert droplet.created_at.endswith("Z")
    assert client.creation_status(accepted.id) == "completed"


def test_a_creation_without_actions_in_its_answer_is_one_all_the_same(cloud: FastCloud) -> None:
    cloud.fault("empty_actions", "POST", "droplets$")

    assert cloud.client().create_droplet(SPEC).id == str(cloud.droplets[0].id)


def test_droplets_are_found_by_name_in_any_case_and_by_tag(cloud: FastCloud) -> None:
    [ours] = some_droplets(cloud, 1)
    client = cloud.client()
    client.create_droplet(dataclasses.replace(SPEC, name="other", tags=("customer:cust_2",)))

    assert [droplet.id for droplet in client.find_droplets("MOLTBOT-cust-1")] == [ours]
    assert [droplet.id for droplet in client.droplets_tagged("customer:cust_1")] == [ours]
    assert client.find_droplets("moltbot") == []
    assert client.droplets_tagged("customer:cust_3") == []


def test_a_list_has_every_page(cloud: FastCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PER_PAGE", 2)
    ids = some_droplets(cloud, 5)

    found = cloud.client().droplets_tagged("provisioner")

    assert sorted(droplet.id for droplet in found) == sorted(ids)


def test_a_page_that_is_refused_for_the_moment_is_asked_for_again_when_the_api_says(
    cloud: FastCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PER_PAGE", 2)
    some_droplets(cloud, 3)
    cloud.fault("status", "GET", r"page=2", params={"status": 429, "retry_after": 29})

    assert len(cloud.client().droplets_tagged("provisioner")) == 3
    assert cloud.clock.waited == [29]


def test_a_list_is_never_short_because_a_page_failed(
    cloud: FastCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PER_PAGE", 2)
    some_droplets(cloud, 3)
    cloud.fault("status", "GET", r"[?&]page=2", count=None, params={"status": 500})

    with pytest.raises(NoAnswer) as error:
        cloud.client().droplets_tagged("provisioner")

    assert error.value.report.status == 500
    assert error.value.retry


def test_a_list_that_lacks_what_the_api_counted_is_not_taken(
    cloud: FastCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_droplets(cloud, 2)
    client = cloud.client()
    whole = client._call

    def short(*args: object, **kwargs: object) -> object:
        data = dict(whole(*args, **kwargs))  # type: ignore[arg-type]
        return {**data, "droplets": data["droplets"][:1]}

    monkeypatch.setattr(client, "_call", short)

    with pytest.raises(NoAnswer, match="changed while it was read"):
        client.droplets_tagged("provisioner")


def test_a_deleted_droplet_is_gone_and_may_be_deleted_again(cloud: FastCloud) -> None:
    [droplet_id] = some_droplets(cloud, 1)
    client = cloud.client()

    client.delete_droplet(droplet_id)
    client.delete_droplet(droplet_id)

    assert cloud.droplets == []
    with pytest.raises(NotFound):
        client.droplet(droplet_id)


def test_account_and_sizes_say_what_the_operator_needs(cloud: FastCloud) -> None:
    client = cloud.client()

    account = client.account()
    sizes = {size.slug: size for size in client.sizes()}

    assert (account.status, account.droplet_limit) == ("active", 100)
    assert sizes["s-1vcpu-2gb"].monthly == 12
    assert "sfo3" in sizes["s-1vcpu-2gb"].regions


# The operator's key


def test_a_key_is_registered_once_and_never_by_listing(cloud: FastCloud) -> None:
    public = generate_keypair("operator").public

    first = cloud.client().ensure_ssh_key(public, "provisioner")
    again = cloud.client().ensure_ssh_key(public, "provisioner")

    assert first == again
    assert first.fingerprint == md5_fingerprint(public)
    assert cloud.requests("POST", "/v2/account/keys") == 1
    assert cloud.requests("GET", "/v2/account/keys") == 0


def test_a_key_that_is_deleted_is_not_known_any_more(cloud: FastCloud) -> None:
    client, public = cloud.client(), generate_keypair("operator").public
    client.ensure_ssh_key(public, "provisioner")

    client.delete_ssh_key(public)
    client.delete_ssh_key(public)

    assert not client.has_ssh_key(public)
    assert not cloud.cloud.keys


def test_a_key_that_another_run_registered_at_the_same_moment_is_found(cloud: FastCloud) -> None:
    public = generate_keypair("operator").public
    theirs = cloud.client().ensure_ssh_key(public, "theirs")
    cloud.fault("status", "GET", "account/keys/", params={"status": 404})

    assert cloud.client().ensure_ssh_key(public, "ours") == theirs


def test_a_key_whose_answer_was_lost_is_found(cloud: FastCloud) -> None:
    public = generate_keypair("operator").public
    cloud.fault("drop_after_effect", "POST", "account/keys")

    assert cloud.client().ensure_ssh_key(public, "ours").name == "ours"
    assert len(cloud.cloud.keys) == 1


def test_threads_share_one_client_and_register_once(cloud: FastCloud) -> None:
    client, public = cloud.client(), generate_keypair("operator").public

    def use(_: int) -> int:
        client.ensure_firewall("provisioner")
        client.account()
        return client.ensure_ssh_key(public, "ours").id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(use, range(16)))

    assert len(ids) == 1
    assert cloud.requests("POST", "/v2/account/keys") == 1
    assert cloud.requests("POST", "/v2/firewalls") == 1


# The firewall


def test_the_firewall_lets_in_ssh_only_and_out_everything(cloud: FastCloud) -> None:
    client = cloud.client()
    client.ensure_firewall("provisioner")
    client.create_droplet(SPEC)
    while cloud.droplets[0].status == "new":
        cloud.clock.sleep(1)

    [firewall] = cloud.cloud.firewalls.values()
    assert firewall.tags == ["provisioner"]
    assert {rule["protocol"] for rule in firewall.outbound_rules} == {"tcp", "udp", "icmp"}
    assert cloud.machines.inbound[cloud.droplets[0].id] == ("tcp/22",)


def test_the_firewall_is_made_once_and_a_new_tag_is_added_to_it(cloud: FastCloud) -> None:
    cloud.client().ensure_firewall("provisioner")
    cloud.client().ensure_firewall("provisioner")
    cloud.client().ensure_firewall("another")

    [firewall] = cloud.cloud.firewalls.values()
    assert firewall.tags == ["provisioner", "another"]
    assert cloud.requests("POST", "/v2/firewalls") == 1


def test_a_firewall_whose_answer_was_lost_is_found(cloud: FastCloud) -> None:
    cloud.fault("drop_after_effect", "POST", "firewalls$")

    cloud.client().ensure_firewall("provisioner")

    assert len(cloud.cloud.firewalls) == 1


# What is refused has a name, and says what to do


def test_a_revoked_token_is_named(cloud: FastCloud) -> None:
    cloud.cloud.options.token = "revoked"

    with pytest.raises(TokenRefused) as error:
        cloud.client().account()

    assert not error.value.retry
    assert not error.value.report.sent
    assert error.value.report.request_id in error.value.summary
    assert "DIGITALOCEAN_ACCESS_TOKEN" in (error.value.hint or "")


def test_a_token_that_may_only_read_is_named(cloud: FastCloud) -> None:
    cloud.cloud.options.token = "read"

    with pytest.raises(ScopeMissing, match="could not create the droplet") as error:
        cloud.client().create_droplet(SPEC)

    assert "scopes" in (error.value.hint or "")
    assert "payment" in (error.value.hint or "")


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_a_gateways_page_says_nothing_about_token_account_or_id(cloud: FastCloud, status: int) -> None:
    cloud.fault("html", count=None, params={"status": status})

    for call in (cloud.client().account, lambda: cloud.client().droplet("7")):
        with pytest.raises(NotTheApi, match="does not come from the API itself") as error:
            call()
        assert "network" in (error.value.hint or "")
        assert "token" not in (error.value.hint or "")


def test_a_creation_that_a_gateway_refused_is_uncertain(cloud: FastCloud) -> None:
    cloud.fault("html", "POST", "droplets$", params={"status": 403})

    with pytest.raises(NotTheApi) as error:
        cloud.client().create_droplet(SPEC)

    assert error.value.report.sent


def test_a_locked_account_is_named(cloud: FastCloud) -> None:
    cloud.cloud.options.account_status = "locked"

    with pytest.raises(AccountLocked):
        cloud.client().create_droplet(SPEC)
    assert cloud.client().account().status == "locked"


def test_the_droplet_limit_is_named(cloud: FastCloud) -> None:
    cloud.cloud.options.droplet_limit = 0

    with pytest.raises(DropletLimitReached) as error:
        cloud.client().create_droplet(SPEC)

    assert not error.value.report.sent
    assert not error.value.retry


@pytest.mark.parametrize(
    "change",
    [
        {"size": "s-1vcpu-none"},
        {"region": "xyz1"},
        {"image": "debian-0-x64"},
        {"size": "s-1vcpu-512mb-10gb", "region": "sfo2"},
    ],
)
def test_what_is_not_offered_is_named(cloud: FastCloud, change: dict[str, str]) -> None:
    with pytest.raises(NotOffered) as error:
        cloud.client().create_droplet(dataclasses.replace(SPEC, **change))  # type: ignore[arg-type]

    assert "[droplet]" in (error.value.hint or "")
    assert not error.value.report.sent


def test_what_the_api_finds_wrong_otherwise_is_said_in_its_words(cloud: FastCloud) -> None:
    with pytest.raises(CloudCallError, match="invalid key identifiers") as error:
        cloud.client().create_droplet(dataclasses.replace(SPEC, ssh_keys=(1,)))

    assert error.value.report.code == "unprocessable_entity"


def test_a_limit_that_is_hours_away_is_said_and_not_waited_for(cloud: FastCloud) -> None:
    cloud.fault("status", params={"status": 429, "retry_after": 3000})

    with pytest.raises(TooManyRequests, match="wait 3000 s") as error:
        cloud.client().account()

    assert error.value.report.retry_after == 3000
    assert error.value.retry
    assert cloud.clock.waited == []


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "“quoted”"])
def test_what_cannot_be_a_token_is_refused_without_being_shown(cloud: FastCloud, token: str) -> None:
    with pytest.raises(SettingsError) as error:
        cloud.client(token)

    assert token == "" or token not in f"{error.value.summary}{error.value.hint}"


@pytest.mark.parametrize("endpoint", ["", "api.digitalocean.com/v2/", "ftp://host/v2/", "https:///v2/"])
def test_what_cannot_be_an_address_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError):
        module.DigitalOcean(TOKEN, endpoint)


def test_an_endpoint_without_its_last_slash_is_the_same_place(cloud: FastCloud) -> None:
    client = module.DigitalOcean(TOKEN, cloud.endpoint.rstrip("/"), clock=cloud.clock)

    assert client.account().status == "active"


WIDE = {"protocol": "tcp", "ports": "0", "sources": {"addresses": ["0.0.0.0/0"]}}


def test_a_firewall_that_was_widened_is_found_and_put_right(cloud: FastCloud) -> None:
    cloud.client().ensure_firewall("provisioner")
    [firewall] = cloud.cloud.firewalls.values()
    right = list(firewall.inbound_rules)
    assert cloud.client().firewall_problems("provisioner") == []
    firewall.inbound_rules = [*right, WIDE]

    found = cloud.client().firewall_problems("provisioner")
    cloud.client().ensure_firewall("provisioner")

    assert found == ["the firewall provisioner-ssh lets in more than SSH: tcp all ports from 0.0.0.0/0"]
    assert firewall.inbound_rules == right
    assert firewall.tags == ["provisioner"]
    assert cloud.client().firewall_problems("provisioner") == []


def test_who_may_come_to_ssh_is_the_operators(cloud: FastCloud) -> None:
    cloud.client().ensure_firewall("provisioner")
    [firewall] = cloud.cloud.firewalls.values()
    narrow = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["192.0.2.7"]}}
    firewall.inbound_rules = [narrow, WIDE]

    cloud.client().ensure_firewall("provisioner")

    assert firewall.inbound_rules == [narrow]


def test_a_firewall_without_rules_lets_ssh_in_and_everything_out_again(cloud: FastCloud) -> None:
    cloud.client().ensure_firewall("provisioner")
    [firewall] = cloud.cloud.firewalls.values()
    before = (list(firewall.inbound_rules), list(firewall.outbound_rules))
    firewall.inbound_rules, firewall.outbound_rules = [], []

    found = cloud.client().firewall_problems("provisioner")
    cloud.client().ensure_firewall("provisioner")

    assert [text.partition("provisioner-ssh ")[2] for text in found] == [
        "does not let in SSH (port 22)",
        "lets nothing out",
    ]
    assert (firewall.inbound_rules, firewall.outbound_rules) == before


def test_a_second_firewall_that_opens_more_is_named_and_left_alone(cloud: FastCloud) -> None:
    cloud.client().ensure_firewall("provisioner")
    [ours] = cloud.cloud.firewalls.values()
    other = dataclasses.replace(ours, id="another", name="web", inbound_rules=[WIDE])
    cloud.cloud.firewalls[other.id] = other

    found = cloud.client().firewall_problems("provisioner")
    cloud.client().ensure_firewall("provisioner")

    assert found == ["the firewall web, which is not ours, lets in tcp all ports from 0.0.0.0/0 as well"]
    assert other.inbound_rules == [WIDE]


def test_a_firewall_that_is_right_is_not_written_again(cloud: FastCloud) -> None:
    cloud.client().ensure_firewall("provisioner")

    cloud.client().ensure_firewall("provisioner")

    assert cloud.requests("PUT") == 0


def with_snapshot(cloud: FastCloud) -> tuple[str, str]:
    """A droplet and a snapshot of it."""
    client = cloud.client()
    [droplet] = some_droplets(cloud, 1)
    while client.droplet(droplet).status == "new":
        cloud.clock.sleep(1)
    action = client.take_snapshot(droplet, "ready")
    while client.action(action.id).status == "in-progress":
        cloud.clock.sleep(1)
    assert [(one.type, one.status) for one in client.actions_of(droplet)] == [
        ("snapshot", "completed"),
        ("create", "completed"),
    ]
    [snapshot] = client.snapshots()
    return droplet, snapshot.id


def test_a_snapshot_is_listed_with_what_decides_whether_it_fits(cloud: FastCloud) -> None:
    _, snapshot_id = with_snapshot(cloud)
    client = cloud.client()

    client.tag_snapshot(snapshot_id, "ours")
    client.tag_snapshot(snapshot_id, "ours")

    [snapshot] = client.snapshots()
    assert (snapshot.name, snapshot.regions, snapshot.min_disk) == ("ready", ("sfo3",), 50)
    assert (snapshot.gigabytes, snapshot.tags) == (2.5, ("ours",))


def test_a_droplet_starts_from_a_snapshot_by_its_number(cloud: FastCloud) -> None:
    _, snapshot_id = with_snapshot(cloud)

    cloud.client().create_droplet(dataclasses.replace(SPEC, image=snapshot_id))

    assert cloud.droplets[-1].image.id == int(snapshot_id)


def test_deleting_a_snapshot_that_is_gone_is_no_error(cloud: FastCloud) -> None:
    _, snapshot_id = with_snapshot(cloud)
    client = cloud.client()

    client.delete_snapshot(snapshot_id)
    client.delete_snapshot(snapshot_id)

    assert client.snapshots() == []


def test_a_snapshot_is_asked_for_once_whatever_becomes_of_the_answer(cloud: FastCloud) -> None:
    droplet, _ = with_snapshot(cloud)
    cloud.fault("drop_after_effect", "POST", "actions$")
    client = cloud.client()

    with pytest.raises(NoAnswer) as caught:
        client.take_snapshot(droplet, "again")

    assert caught.value.report.sent
    assert [one.type for one in client.actions_of(droplet)] == ["snapshot", "snapshot", "create"]
