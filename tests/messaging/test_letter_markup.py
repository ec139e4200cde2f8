"""Text in a letter's web form is text, wherever it stands."""

from provisioner.messaging.letters import compose


def test_what_stands_before_a_link_in_its_line_is_text_too() -> None:
    letter = compose("Subject: x\n\n<i>See</i> & https://example.com/?a=<b> <u>now</u>\n")

    assert "<i>" not in letter.html
    assert "<u>" not in letter.html
    assert "&lt;i&gt;See&lt;/i&gt; &amp; <a href=" in letter.html
