import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner.customers.addresses import fold
from provisioner.customers.files.file_names import fits, marked_name, names_for, plain_name

# Even what is no address: nothing may lead out of the folder.
anything = st.text(min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("customer@example.com", "customer_at_example.com.json"),
        ("a+b@x.com", "a_b_at_x.com.json"),
        ("A.B-c_d@X.com", "A.B-c_d_at_X.com.json"),
        ("ü/..@x.com", "__.._at_x.com.json"),
    ],
)
def test_the_plain_name_is_the_one_of_the_old_script(email: str, name: str) -> None:
    assert plain_name(email) == name


def test_addresses_that_meet_in_one_plain_name_have_marked_names_of_their_own() -> None:
    assert plain_name("a+b@x.com") == plain_name("a_b@x.com")
    assert marked_name("a+b@x.com") != marked_name("a_b@x.com")
    assert marked_name("A+b@x.com").lower() == marked_name("a+b@x.com")


@given(anything)
@example("\u0f69")  # one letter, which is two when it is folded
def test_every_name_is_one_file_in_the_folder_and_short_enough(email: str) -> None:
    for name in names_for(email):
        assert re.fullmatch(r"[A-Za-z0-9_.~-]+\.json", name)
        assert len(f"{name}.tmp") <= 255
        assert fits(name, email)


@given(anything, anything)
def test_marked_names_of_different_addresses_differ(one: str, other: str) -> None:
    assert (marked_name(one).lower() == marked_name(other).lower()) == (fold(one) == fold(other))


def test_a_name_fits_in_any_case_and_no_other_address() -> None:
    assert fits("customer_at_example.com.json", "Customer@Example.com")
    assert not fits("customer_at_example.com.json", "customer2@example.com")
    assert not fits("foo.json", "customer@example.com")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("jo\u0308rg@example.com", "j\xf6rg@example.com"),
        ("J\xd6RG@M\xdcNCHEN.example", "jo\u0308rg@xn--mnchen-3ya.example"),
        ("a@XN--MNCHEN-3YA.example", "a@m\xfcnchen.example"),
        ("a@shop.xn--fiqs8s", "a@shop.\u4e2d\u56fd"),
    ],
)
def test_two_spellings_of_one_address_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert fold(fold(one)) == fold(one)
    assert set(names_for(one)) & set(names_for(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@xn--mnchen-3ya.example", "a@munchen.example"),
        ("xn--mnchen-3ya@example.com", "m\xfcnchen@example.com"),
        ("a@xn--\xe9.example", "a@\xe9.example"),
        ("a@xn--!.example", "a@.example"),
    ],
)
def test_others_are_not(one: str, other: str) -> None:
    assert fold(one) != fold(other)
