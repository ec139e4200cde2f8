"""Text in an e-mail's web form is text, wherever it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.messaging.emails import compose
from provisioner.messaging.names import spoken_name


def test_what_stands_before_a_link_in_its_line_is_text_too() -> None:
    email = compose("Subject: x\n\n<i>See</i> & https://example.com/?a=<b> <u>now</u>\n")

    assert "<i>" not in email.html
    assert "<u>" not in email.html
    assert "&lt;i&gt;See&lt;/i&gt; &amp; <a href=" in email.html


def test_what_a_button_says_and_where_it_leads_is_text_too() -> None:
    email = compose('Subject: x\n\n<b>Go</b> & see: https://example.com/"><script>?a=1&b=2\n')

    assert "<b>" not in email.html
    assert "<script>" not in email.html
    assert 'href="https://example.com/&#34;&gt;&lt;script&gt;?a=1&amp;b=2"' in email.html
    assert ">&lt;b&gt;Go&lt;/b&gt; &amp; see</a>" in email.html


@given(st.text())
@pytest.mark.parametrize("wrapped", ["{}", "{}.com", "www.{}", "x{}.org y"])
def test_nothing_in_a_customers_name_becomes_a_link(wrapped: str, name: str) -> None:
    said = spoken_name(wrapped.format(name))
    email = compose(f"Subject: x\n\nHello {said},\n\nwelcome.\n")
    assert "<a " not in email.html


@pytest.mark.parametrize(
    "name", ["a1.com", "www.evil.org", "x-1.net", "evil\u3002com", "evil.xn--p1ai", "mail@evil.com", "1a.de"]
)
def test_a_name_that_a_mail_program_takes_for_an_address_is_not_said(name: str) -> None:
    assert spoken_name(name) == ""


def test_what_the_operator_writes_is_a_link_where_it_is_an_address() -> None:
    email = compose("Subject: x\n\nWrite to help@example.com,\nor see https://example.com/a_(b).\n")
    assert '<a href="mailto:help@example.com">help@example.com</a>,<br>\nor see' in email.html
    assert 'href="https://example.com/a_(b)"' in email.html
