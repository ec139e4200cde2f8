"""Whole setups among deaths, in the short form; `make campaign` is the long one."""

import pytest

from tests.campaigns.forms import Summary, short


@pytest.mark.sandbox
@pytest.mark.timeout(900)
def test_whole_setups_on_a_real_server_among_deaths(summarize: Summary) -> None:
    report = short(summarize, machine=True, kills=60)

    assert report.violations == []
    assert report.killed >= 60
