import pytest

from localcloud.addresses import FIRST, LAST, AddressesExhaustedError, Pool, Subnet

SUBNET = Subnet.parse("10.9.8.0/24")


def test_the_host_is_one_and_pools_do_not_meet() -> None:
    private, public = Pool(SUBNET), Pool(SUBNET, offset=128)
    everything = [pool.take() for pool in (private, public) for _ in range(FIRST, LAST + 1)]

    assert SUBNET.gateway == "10.9.8.1"
    assert everything[0] == "10.9.8.10"
    assert everything[-1] == "10.9.8.254"
    assert len(set(everything)) == len(everything)
    with pytest.raises(AddressesExhaustedError):
        private.take()


def test_an_address_given_back_is_the_last_to_come_again() -> None:
    pool = Pool(SUBNET)
    first = pool.take()
    pool.give_back(first)

    assert pool.take() != first
    rest = [pool.take() for _ in range(FIRST, LAST)]
    assert rest[-1] == first


def test_a_stranger_given_back_changes_nothing() -> None:
    pool = Pool(SUBNET)
    pool.take()
    pool.give_back("192.0.2.10")

    assert len([pool.take() for _ in range(FIRST, LAST)]) == LAST - FIRST


@pytest.mark.parametrize(
    "text", ["10.0.0.0/16", "8.8.8.0/24", "10.0.0.1/24", "fd00::/64", "x", "10.0.0.0/25"]
)
def test_only_a_private_slash_24_is_a_subnet(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Subnet.parse(text)
