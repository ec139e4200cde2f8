"""Servers of the pool become customers', among deaths: the short form; `make campaign` is the long one."""

import pytest

from tests.campaigns.forms import Summary, short


@pytest.mark.timeout(900)
def test_claims_among_deaths_and_faults(summarize: Summary) -> None:
    report = short(summarize, area="pool", machine=False, kills=40)

    assert report.violations == []
    assert report.killed >= 40


@pytest.mark.sandbox
@pytest.mark.timeout(900)
def test_real_servers_for_the_pool_among_deaths(summarize: Summary) -> None:
    report = short(summarize, area="pool", machine=True, kills=3, workers=1)

    assert report.violations == []
    assert report.killed >= 3
