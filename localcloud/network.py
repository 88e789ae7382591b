"""The cloud's bridge with its way out, and a network namespace for each machine."""

import fcntl
import hashlib
import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from localcloud.addresses import Subnet
from localcloud.host import CommandError, run
from localcloud.names import LOCKS, Names

METADATA_ADDRESS = "169.254.169.254"
INTERFACE = "ens5"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class SubnetInUseError(RuntimeError):
    """The host already has a way to addresses of the subnet."""


def check_free(subnet: Subnet, routes: str, *, bridge: str) -> None:
    """SubnetInUseError when the host's routing table (`ip -json route`) knows addresses of the subnet."""
    for route in json.loads(routes or "[]"):
        if route["dst"] == "default" or route.get("dev") == bridge:
            continue
        if IPv4Network(route["dst"], strict=False).overlaps(subnet.network):
            raise SubnetInUseError(
                f"The host reaches {route['dst']} by {route.get('dev', 'another way')}: "
                f"choose another --subnet than {subnet.network}"
            )


def build(names: Names, subnet: Subnet) -> None:
    """Make the bridge, its address, and the rule that lets machines out under the host's address."""
    check_free(subnet, run("ip", "-json", "-4", "route"), bridge=names.bridge)
    # Without an address of its own a bridge takes over one of its ports', and a port that goes away with it.
    mac = "02:" + ":".join(
        hashlib.sha256(names.cloud.encode()).hexdigest()[i : i + 2] for i in range(0, 10, 2)
    )
    run("ip", "link", "add", names.bridge, "address", mac, "type", "bridge")
    with suppress(OSError):
        Path(f"/proc/sys/net/ipv6/conf/{names.bridge}/disable_ipv6").write_text("1")
    run("ip", "address", "add", f"{subnet.gateway}/24", "dev", names.bridge)
    run("ip", "link", "set", names.bridge, "up")
    run("nft", "-f", "-", text=host_rules(names, subnet))
    _forward()


def closed_doors(chains: str) -> list[str]:
    """What the host's firewall (`nft -json list chains`) drops that machines need, one line each."""
    hooks = {
        "forward": "Machines may not reach the internet: the host's firewall drops what it forwards; allow",
        "input": "Machines may not reach the API: the host's firewall drops what comes in; allow",
    }
    found = [entry["chain"] for entry in json.loads(chains or "{}").get("nftables", []) if "chain" in entry]
    dropping = {chain.get("hook") for chain in found if chain.get("policy") == "drop"}
    return [f"{text} the interfaces lc-*." for hook, text in hooks.items() if hook in dropping]


def host_rules(names: Names, subnet: Subnet) -> str:
    """The host's nftables table of one cloud."""
    inside = subnet.network
    return (
        f"table ip {names.table} {{\n"
        "  chain postrouting {\n"
        "    type nat hook postrouting priority srcnat; policy accept;\n"
        f"    ip saddr {inside} ip daddr != {inside} masquerade\n"
        "  }\n"
        "}\n"
    )


def machine_rules(subnet: Subnet, *, port: int) -> str:
    """Inside a machine's namespace: its metadata service is the local cloud's server."""
    return (
        "table ip metadata {\n"
        "  chain output {\n"
        "    type nat hook output priority -100; policy accept;\n"
        f"    ip daddr {METADATA_ADDRESS} tcp dport 80 dnat to {subnet.gateway}:{port}\n"
        "  }\n"
        "}\n"
    )


def plug(
    names: Names, subnet: Subnet, instance_id: str, *, mac: str, addresses: tuple[str, ...], port: int
) -> Path:
    """Make a machine's namespace with its addresses (the first is the source of what it sends)."""
    namespace = names.run / "namespaces" / instance_id
    namespace.parent.mkdir(parents=True, exist_ok=True)
    namespace.touch()
    run("unshare", f"--net={namespace}", "true")
    link = names.link(instance_id)
    run(
        *("ip", "link", "add", link, "master", names.bridge, "type", "veth"),
        *("peer", "name", INTERFACE, "address", mac, "netns", namespace),
    )
    inside = [f"address add {addresses[0]}/24 dev {INTERFACE}"]
    inside += [f"address add {address}/32 dev {INTERFACE}" for address in addresses[1:]]
    inside += ["link set lo up", f"link set {INTERFACE} up", f"route add default via {subnet.gateway}"]
    run("nsenter", f"--net={namespace}", "ip", "-batch", "-", text="\n".join(inside) + "\n")
    run("nsenter", f"--net={namespace}", "nft", "-f", "-", text=machine_rules(subnet, port=port))
    run("ip", "link", "set", link, "up")
    return namespace


def take_address(names: Names, instance_id: str, address: str) -> None:
    """Away from a machine that runs; one that it has not is no error."""
    with suppress(CommandError):
        _inside(names, instance_id, f"address delete {address}/32 dev {INTERFACE}")


def give_address(names: Names, instance_id: str, address: str, *, mac: str) -> None:
    """To a machine that runs, and tell everybody on the bridge that it is there now."""
    _inside(names, instance_id, f"address replace {address}/32 dev {INTERFACE}")
    run("ip", "neigh", "replace", address, "lladdr", mac, "dev", names.bridge, "nud", "reachable")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((names.bridge, 0))
        link.send(announcement(address, mac))


def _inside(names: Names, instance_id: str, command: str) -> None:
    namespace = names.run / "namespaces" / instance_id
    run("nsenter", f"--net={namespace}", "ip", "-batch", "-", text=f"{command}\n")


def announcement(address: str, mac: str) -> bytes:
    """A gratuitous ARP reply (RFC 5227) in its Ethernet frame."""
    sender, everybody = bytes.fromhex(mac.replace(":", "")), b"\xff" * 6
    number = IPv4Address(address).packed
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + sender + number + everybody + number
    return everybody + sender + struct.pack("!H", 0x0806) + arp


def unplug(names: Names, instance_id: str) -> None:
    """Take a machine's namespace and cable away; what is not there is no error."""
    namespace = names.run / "namespaces" / instance_id
    with suppress(CommandError):
        run("ip", "link", "delete", names.link(instance_id))
    with suppress(CommandError):
        run("umount", "--lazy", namespace)
    namespace.unlink(missing_ok=True)


def demolish(names: Names) -> None:
    """Take away the bridge, every cable in it and the firewall table, whatever of them is there."""
    with suppress(CommandError):
        for link in json.loads(run("ip", "-json", "link", "show", "master", names.bridge) or "[]"):
            with suppress(CommandError, KeyError):
                run("ip", "link", "delete", link["ifname"])
    with suppress(CommandError):
        run("ip", "link", "delete", names.bridge)
    with suppress(CommandError):
        run("nft", "delete", "table", "ip", names.table)


def _forward() -> None:
    """Switch forwarding on, noting once for all local clouds what it was."""
    with _forwarding_note() as note:
        if not note.exists():
            note.write_text(_FORWARDING.read_text())
        _FORWARDING.write_text("1")


def restore_forwarding(others: list[str]) -> None:
    """Put forwarding back as it was before the first local cloud, unless others still run."""
    with _forwarding_note() as note:
        if not others and note.exists():
            _FORWARDING.write_text(note.read_text())
            note.unlink()


@contextmanager
def _forwarding_note() -> Iterator[Path]:
    LOCKS.mkdir(exist_ok=True)
    with (LOCKS / "forwarding.guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield LOCKS / "forwarding"
