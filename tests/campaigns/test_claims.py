"""Servers of the pool become customers', among deaths: the short form; `make campaign` is the long one."""

import pytest

from tests.campaigns.forms import Summary, short


@pytest.mark.timeout(900)
def test_claims_among_deaths_and_faults(summarize: Summary) -> None:
    report = short(summarize, area="pool", machine=False, kills=40)

    assert report.violations == []
    assert report.killed >= 40
