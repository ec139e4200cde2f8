"""Droplets among deaths and faults, in the short form; `make campaign` is the long one."""

import pytest

from tests.campaigns.forms import Summary, short


@pytest.mark.timeout(900)
def test_droplets_among_deaths_and_faults(summarize: Summary) -> None:
    report = short(summarize, machine=False, kills=120)

    assert report.violations == []
    assert report.killed >= 120
