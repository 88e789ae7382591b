import json
from pathlib import Path

import pytest

from localcloud import network
from localcloud.addresses import Subnet
from localcloud.names import Names

SUBNET = Subnet.parse("10.9.8.0/24")


@pytest.mark.parametrize("destination", ["10.0.0.0/8", "10.9.8.0/24", "10.9.8.7", "10.9.8.128/25"])
def test_a_subnet_that_the_host_knows_is_refused(destination: str) -> None:
    routes = json.dumps([{"dst": "default", "dev": "eth0"}, {"dst": destination, "dev": "eth1"}])
    with pytest.raises(network.SubnetInUseError, match="--subnet"):
        network.check_free(SUBNET, routes, bridge="lc-main")


def test_a_free_subnet_is_taken() -> None:
    routes = [
        {"dst": "default", "dev": "eth0"},
        {"dst": "10.9.9.0/24", "dev": "eth0"},
        {"dst": "10.9.8.0/24", "dev": "lc-main"},
    ]
    network.check_free(SUBNET, json.dumps(routes), bridge="lc-main")
    network.check_free(SUBNET, "", bridge="lc-main")


def test_a_firewall_that_drops_is_told() -> None:
    chains = [
        {"metainfo": {"version": "1.0"}},
        {"chain": {"family": "ip", "name": "FORWARD", "hook": "forward", "policy": "drop"}},
        {"chain": {"family": "ip", "name": "INPUT", "hook": "input", "policy": "accept"}},
        {"chain": {"family": "ip", "name": "DOCKER"}},
    ]
    [line] = network.closed_doors(json.dumps({"nftables": chains}))
    assert "internet" in line
    assert network.closed_doors('{"nftables": []}') == []


def test_the_metadata_address_is_never_the_host_s() -> None:
    assert network.METADATA_ADDRESS not in network.host_rules(Names("main", Path("/state")), SUBNET)
    assert f"ip daddr {network.METADATA_ADDRESS} tcp dport 80 dnat to 10.9.8.1:4566" in network.machine_rules(
        SUBNET, port=4566
    )
