"""Only what Stripe has signed for us just now is taken."""

import pytest
from stripe import WebhookSignature

from provisioner.services.stripe.errors import WebhookRefused
from provisioner.services.stripe.webhook import TOLERANCE_SECONDS, verify

BODY = '{"object": "event"}'
NOW = 1_767_225_600
OLD, NEW = "whsec_old", "whsec_new"


def header(secret: str = NEW, at: int = NOW, body: str = BODY) -> str:
    return str(WebhookSignature.generate_signature_header(body, secret, at))


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_each_of_several_secrets_is_good(secret: str) -> None:
    assert verify(BODY.encode(), header(secret), [OLD, NEW], NOW) == BODY


def test_a_header_with_a_signature_of_each_secret_is_good() -> None:
    both = f"{header('whsec_gone')},{header(NEW).partition(',')[2]}"
    assert verify(BODY.encode(), both, [NEW], NOW) == BODY


@pytest.mark.parametrize("away", [TOLERANCE_SECONDS, -TOLERANCE_SECONDS])
def test_clocks_may_differ_a_little(away: int) -> None:
    assert verify(BODY.encode(), header(at=NOW + away), [NEW], NOW)


@pytest.mark.parametrize("away", [TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1, 10**7, -(10**7)])
def test_what_was_signed_long_ago_or_will_be_is_refused(away: int) -> None:
    with pytest.raises(WebhookRefused, match=r"seconds (earlier|later) than now"):
        verify(BODY.encode(), header(at=NOW + away), [NEW], NOW)


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (BODY.encode(), None),
        (BODY.encode(), ""),
        (BODY.encode(), "nonsense"),
        (BODY.encode(), "t=,v1="),
        (BODY.encode(), f"t={NOW}"),
        (BODY.encode(), f"t={NOW},v0=00"),
        (BODY.encode(), f"t={NOW},v1=ü"),
        (BODY.encode(), header("whsec_other")),
        (b'{"object":"event"}', header()),
        (b"\xff\xfe", header()),
    ],
)
def test_everything_else_is_refused_without_quoting_it(body: bytes, signed: str | None) -> None:
    with pytest.raises(WebhookRefused) as refused:
        verify(body, signed, [NEW], NOW)
    assert "object" not in refused.value.summary


def test_without_a_secret_nothing_is_good() -> None:
    with pytest.raises(WebhookRefused):
        verify(BODY.encode(), header(""), [], NOW)
