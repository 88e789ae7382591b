"""Moto's records of instances: the state, reason and addresses that only the machine knows."""

from dataclasses import dataclass

from moto.core.utils import utcnow
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, StateReason

from localcloud.supervisor import Cause

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
_REASONS = {
    Cause.ASKED: ("Client.UserInitiatedShutdown", "User initiated shutdown"),
    Cause.ITSELF: ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown"),
    Cause.FAILED: ("Server.InternalError", "Internal error on launch"),
}
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Memory:
    """Bytes that machines may use: their type's memory, and never more than `most`."""

    most: int

    def of(self, instance_type: str) -> int:
        """The limit for one type."""
        known = INSTANCE_TYPES.get(instance_type, {})
        size = int(known.get("MemoryInfo", {}).get("SizeInMiB", 1024)) * _MIB
        return min(size, self.most)


def set_state(record: Instance, state: str) -> None:
    """Name and code together."""
    record._state.name = state
    record._state.code = CODES[state]


def set_private_address(record: Instance, address: str) -> None:
    """The primary interface's only private address."""
    interface = record.nics[0]
    interface.private_ip_address = address
    interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}] if address else []


def explain(record: Instance, cause: Cause) -> None:
    """Why the instance is not running any more."""
    code, message = _REASONS[cause]
    record.state_reason = StateReason(f"{code}: {message}", code)
    record._reason = f"{message.split()[0]} initiated ({utcnow():%Y-%m-%d %H:%M:%S} GMT)"


def forget(record: Instance) -> None:
    """EC2 shows a terminated instance for about an hour."""
    reservations = record.ec2_backend.reservations
    for key, reservation in list(reservations.items()):
        if record in reservation.instances:
            reservation.instances.remove(record)
            if not reservation.instances:
                reservations.pop(key, None)
