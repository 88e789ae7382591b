from pathlib import Path

import pytest

from localcloud.names import NameRefusedError, Names

ID = "i-0123456789abcdef0"


def test_names_fit_the_kernel_and_lead_back_to_their_cloud() -> None:
    names = Names("a-long-name1", Path("/state"))

    assert len(names.bridge) <= 15
    assert len(names.link(ID)) <= 15
    assert names.table == "localcloud_a_long_name1"
    assert names.group == "localcloud_a-long-name1"
    assert names.instance(ID) == Path("/state/run/a-long-name1/instances") / ID
    assert names.machine(ID) == f"lc-a-long-name1-{ID}"


def test_links_of_two_clouds_differ_for_one_instance() -> None:
    assert Names("one", Path("/s")).link(ID) != Names("two", Path("/s")).link(ID)


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a_b", "a/b", "../a", "a b", "a" * 13, "a\n", "a;id"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(NameRefusedError, match="letter"):
        Names(name, Path("/s"))
