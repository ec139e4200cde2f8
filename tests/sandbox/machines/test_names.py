"""Names tell sandboxes apart and fit into the kernel's limits."""

from hypothesis import given
from hypothesis import strategies as st

from provisioner.sandbox.machines.names import Names


@given(st.text(), st.integers(0, 255), st.integers(2, 254))
def test_every_name_fits_a_network_link_and_is_known_as_ours(sandbox: str, third: int, last: int) -> None:
    names = Names(sandbox)
    name = names.machine(f"10.213.{third}.{last}")
    assert len(name.encode()) <= 15
    assert names.owns(name)
    assert names.owns(names.stem)


@given(st.text(), st.text())
def test_nothing_of_another_sandbox_is_ours(one: str, other: str) -> None:
    if one != other:
        assert not Names(one).owns(Names(other).machine("10.213.0.2"))
    assert not Names(one).owns(f"{Names(one).stem}x")
