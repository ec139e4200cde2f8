"""The sandbox's Stripe, a fresh one for each test."""

from collections.abc import Iterator

import pytest

from tests.stripes import StripeServer, World, stripe_server


@pytest.fixture(scope="session")
def server() -> Iterator[StripeServer]:
    with stripe_server() as running:
        yield running


@pytest.fixture
def world(server: StripeServer) -> Iterator[World]:
    with server.world() as fresh:
        yield fresh
