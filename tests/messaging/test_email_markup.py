"""Text in an e-mail's web form is text, wherever it stands."""

from provisioner.messaging.emails import compose


def test_what_stands_before_a_link_in_its_line_is_text_too() -> None:
    email = compose("Subject: x\n\n<i>See</i> & https://example.com/?a=<b> <u>now</u>\n")

    assert "<i>" not in email.html
    assert "<u>" not in email.html
    assert "&lt;i&gt;See&lt;/i&gt; &amp; <a href=" in email.html


def test_what_a_button_says_and_where_it_leads_is_text_too() -> None:
    email = compose('Subject: x\n\n<b>Go</b> & see: https://example.com/"><script>?a=1&b=2\n')

    assert "<b>" not in email.html
    assert "<script>" not in email.html
    assert 'href="https://example.com/&quot;&gt;&lt;script&gt;?a=1&amp;b=2"' in email.html
    assert ">&lt;b&gt;Go&lt;/b&gt; &amp; see</a>" in email.html
