"""Private and public addresses of instances, both from the bridge's own /24."""

import ipaddress
import threading
from dataclasses import dataclass

FIRST = 10
LAST = 126
PUBLIC_OFFSET = 128


class AddressesExhaustedError(RuntimeError):
    """Every address of the subnet is in use."""


@dataclass(frozen=True)
class Subnet:
    """A private /24: .1 is the host, .10 to .126 private addresses, .138 to .254 public ones."""

    network: ipaddress.IPv4Network

    @classmethod
    def parse(cls, text: str) -> "Subnet":
        """ValueError unless the text is a private /24."""
        network = ipaddress.IPv4Network(text)
        if network.prefixlen != 24 or not network.is_private:
            raise ValueError(f"The subnet must be a private /24 such as 10.213.0.0/24, not {text}")
        return cls(network)

    def host(self, number: int) -> str:
        """The address with that last number."""
        return str(self.network.network_address + number)

    @property
    def gateway(self) -> str:
        """The bridge's own address."""
        return self.host(1)


class Pool:
    """Hands out numbers in turn, so that an address just given back is the last to be used again."""

    def __init__(self, subnet: Subnet, *, offset: int = 0) -> None:
        self._subnet = subnet
        self._offset = offset
        self._next = FIRST
        self._taken: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> str:
        """A free address, or AddressesExhaustedError."""
        with self._lock:
            for _ in range(FIRST, LAST + 1):
                number = self._next
                self._next = FIRST if number == LAST else number + 1
                if number not in self._taken:
                    self._taken.add(number)
                    return self._subnet.host(number + self._offset)
        raise AddressesExhaustedError("There are no free addresses in the subnet")

    def give_back(self, address: str) -> None:
        """Free an address; one that is not of this pool changes nothing."""
        base = int(self._subnet.network.network_address)
        with self._lock:
            self._taken.discard(int(ipaddress.IPv4Address(address)) - base - self._offset)
