import json
import re

import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from provisioner.droplets.cloud_config import cloud_config
from provisioner.droplets.identity import (
    name_of,
    other_workspace,
    same_key,
    stated_host_key,
    tag_of,
    tags_of,
)
from provisioner.sandbox.cloud.names import DropletName, TagName
from provisioner.ssh.keys import KeyPair, generate_keypair, public_half
from tests.steps.support import MARK

IDS = st.from_regex(r"[A-Za-z0-9_-]{1,100}", fullmatch=True)
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def test_an_ordinary_id_can_be_read_in_name_and_tag() -> None:
    assert name_of("cust_1234567890") == "moltbot-cust-1234567890"
    assert tag_of("cust_1234567890") == "customer:cust_1234567890"


@given(IDS)
def test_a_name_is_a_host_name_and_a_tag_is_a_tag(customer_id: str) -> None:
    name, tags = name_of(customer_id), tags_of(customer_id, generate_keypair("x").public, MARK)

    assert len(name) <= 63
    assert HOST_NAME.fullmatch(name)
    TypeAdapter(DropletName).validate_python(name)
    for tag in tags:
        TypeAdapter(TagName).validate_python(tag)
        assert tag == tag.lower()


@given(st.lists(st.text("aA_-1", min_size=1, max_size=4), min_size=2, max_size=2, unique=True))
def test_two_ids_never_share_a_name_or_a_tag(ids: list[str]) -> None:
    first, second = ids

    assert name_of(first).lower() != name_of(second).lower()
    assert tag_of(first).lower() != tag_of(second).lower()


def test_long_ids_that_begin_alike_have_different_names() -> None:
    assert name_of("a" * 99 + "b") != name_of("a" * 99 + "c")


def test_the_tags_state_the_host_key() -> None:
    public = generate_keypair("some-host").public

    stated = stated_host_key(tags_of("cust_1", public, MARK), "some-host")

    assert stated == public
    assert same_key(stated, public.rpartition(" ")[0])


def test_tags_that_state_no_key_or_two_state_none() -> None:
    one, two = (tags_of("cust_1", generate_keypair("x").public, MARK) for _ in range(2))

    assert stated_host_key(("customer:cust_1", "provisioner"), "x") is None
    assert stated_host_key((*one, *two), "x") is None
    assert stated_host_key(("host-key:nonsense",), "x") is None


def test_a_different_key_is_not_the_same() -> None:
    assert not same_key(generate_keypair("x").public, generate_keypair("x").public)
    assert not same_key(None, None)


@given(st.sampled_from(["", "\n", "\n\n"]))
def test_cloud_config_gives_one_host_key_in_a_form_that_sshd_reads(ending: str) -> None:
    pair = generate_keypair("moltbot-cust-1")

    text = cloud_config(KeyPair(pair.private.rstrip("\n") + ending, pair.public))

    header, _, body = text.partition("\n")
    config = yaml.safe_load(text)
    assert header == "#cloud-config"
    assert text.isascii()
    assert config == json.loads(body)
    assert config["ssh_deletekeys"] is True
    assert set(config["ssh_keys"]) == {"ed25519_private", "ed25519_public"}
    assert config["ssh_keys"]["ed25519_private"] == pair.private
    assert config["ssh_keys"]["ed25519_private"].endswith("-----\n")
    assert pair.public.startswith(public_half(config["ssh_keys"]["ed25519_private"]))


def test_cloud_config_is_far_below_what_the_api_takes() -> None:
    assert len(cloud_config(generate_keypair("x" * 63))) < 4096


def test_a_droplet_says_of_which_workspace_it_is() -> None:
    tags = tags_of("cust_1", generate_keypair("x").public, "w1234abcd")

    assert "workspace:w1234abcd" in tags
    assert other_workspace(tags, "w1234abcd") is None
    assert other_workspace(tags, "wffffffff") == "w1234abcd"
    assert other_workspace(("provisioner", "customer:cust_1"), "w1234abcd") is None
