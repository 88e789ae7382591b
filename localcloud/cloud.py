"""The local cloud: what its instances are made of, and what happens to them."""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from moto.core.utils import utcnow
from moto.ec2.models.instances import Instance, StateReason

from localcloud import base, network, records
from localcloud.addresses import Pool, Subnet
from localcloud.cgroups import Group
from localcloud.images import BASE_IMAGE, Store
from localcloud.machine import Hardware, Machine
from localcloud.mounts import remove_tree
from localcloud.names import Names
from localcloud.records import Memory
from localcloud.seed import TRUST, Seed
from localcloud.supervisor import Capture, Cause, Hooks, Supervisor

ACCOUNT = "123456789012"
STOP_SECONDS = 30.0
TERMINATE_SECONDS = 8.0
FORGET_SECONDS = 3600.0


@dataclass(frozen=True)
class Settings:
    """What `up` was asked for; `pids` is the limit of processes and threads of one machine."""

    names: Names
    subnet: Subnet
    port: int
    region: str
    memory: Memory
    pids: int = 2048
    limit: int = 20
    elastic_limit: int = 5

    @property
    def endpoint(self) -> str:
        """Where machines find the API."""
        return f"http://{self.subnet.gateway}:{self.port}"


class Cloud:
    """Machines by instance id; every change of an instance goes through here."""

    def __init__(self, settings: Settings, base_layer: str) -> None:
        self.settings = settings
        self.store = Store(settings.names.state)
        self.lock = threading.RLock()
        self.base_layer = base_layer
        self.supervisors: dict[str, Supervisor] = {}
        self._private = Pool(settings.subnet)
        self._public = Pool(settings.subnet, offset=128)
        self._by_address: dict[str, Instance] = {}
        self._elastic: set[str] = set()

    @property
    def free(self) -> int:
        """How many more instances may be launched."""
        return self.settings.limit - len(self.supervisors)

    def layers(self, image_id: str) -> tuple[str, ...] | None:
        """The layers of an image, or None when there is no such image."""
        if image_id == BASE_IMAGE:
            return (self.base_layer,)
        found = [image for image in self.store.all() if image.image_id == image_id]
        return found[0].layers if found else None

    def launch(self, record: Instance, layers: tuple[str, ...]) -> None:
        """Boot a machine for a new record, whose addresses become the machine's."""
        wants_public = record.public_ip is not None
        records.set_state(record, "pending")
        records.set_private_address(record, self._private.take())
        hardware = Hardware(
            memory=self.settings.memory.of(record.instance_type),
            pids=self.settings.pids,
            mac=record.nics[0].mac_address,
            layers=self.store.paths(layers),
        )
        machine = Machine(
            self.settings.names, self.settings.subnet, record.id, hardware, port=self.settings.port
        )
        hooks = Hooks(
            running=partial(self._running, record),
            stopped=partial(self._stopped, record),
            terminated=partial(self._terminated, record),
        )
        self.supervisors[record.id] = Supervisor(machine, layers, hooks)
        self._boot(record, public=wants_public)

    def start(self, record: Instance) -> None:
        """Boot a stopped instance, with a new public address if it had one before."""
        records.set_state(record, "pending")
        record.state_reason = StateReason()
        record._reason = ""
        record.launch_time = utcnow()
        machine = self.supervisors[record.id].machine
        memory = self.settings.memory.of(record.instance_type)
        machine.hardware = replace(machine.hardware, memory=memory)
        self._boot(record, public=bool(record.nics[0].public_ip_auto_assign))

    def _boot(self, record: Instance, *, public: bool) -> None:
        if record.public_ip not in self._elastic:
            record.nics[0].public_ip = self._public.take() if public else None
        self._by_address.update(dict.fromkeys(self._addresses(record), record))
        self.supervisors[record.id].start(
            self._seed(record),
            partial(self._addresses, record),
            ends_on_halt=lambda: bool(record.instance_initiated_shutdown_behavior == "terminate"),
        )

    @staticmethod
    def _addresses(record: Instance) -> tuple[str, ...]:
        """The first is the source of what it sends."""
        return tuple(filter(None, (str(record.private_ip), record.public_ip)))

    def new_elastic(self) -> str:
        """A public address that leads nowhere yet."""
        address = self._public.take()
        self._elastic.add(address)
        return address

    def drop_elastic(self, address: str) -> None:
        """Given back for good."""
        self._elastic.discard(address)
        self._public.give_back(address)

    def lead(self, record: Instance, address: str) -> None:
        """Let an elastic address lead to an instance, in the place of the public address that it has."""
        other = self._by_address.get(address)
        if other is not None and other is not record:
            self.let_go(other)
        self._swap_public(record, address)

    def let_go(self, record: Instance) -> None:
        """An elastic address leads to this instance no more: one that runs gets an ordinary one again."""
        ordinary = record.state in ("pending", "running") and bool(record.nics[0].public_ip_auto_assign)
        self._swap_public(record, self._public.take() if ordinary else None)

    def _swap_public(self, record: Instance, address: str | None) -> None:
        before = record.public_ip
        if before == address:
            return
        self._free_public(record)
        record.nics[0].public_ip = address
        names = self.settings.names
        if before:
            network.take_address(names, record.id, before)
        if address:
            self._by_address[address] = record
        if address and record.state == "running":
            network.give_address(names, record.id, address, mac=record.nics[0].mac_address)

    def stop(self, record: Instance) -> None:
        """Shut down and keep the disk."""
        records.set_state(record, "stopping")
        self.supervisors[record.id].stop(seconds=STOP_SECONDS)

    def terminate(self, record: Instance) -> None:
        """Shut down and delete the disk."""
        records.set_state(record, "shutting-down")
        self.supervisors[record.id].terminate(seconds=TERMINATE_SECONDS)

    def reboot(self, record: Instance) -> None:
        """Reboot a running instance."""
        self.supervisors[record.id].reboot()

    def capture(self, record: Instance, *, reboot: bool, done: Callable[[tuple[str, ...]], None]) -> None:
        """Keep an instance's disk; `done` gets the layers, or none when it failed."""
        self.supervisors[record.id].capture(Capture(self.store, done), reboot=reboot)

    def console(self, instance_id: str) -> bytes:
        """The last 64 KB of an instance's console."""
        file = self.settings.names.instance(instance_id) / "console.log"
        return file.read_bytes()[-65_536:] if file.exists() else b""

    def at(self, address: str) -> Instance | None:
        """The instance that has an address now."""
        return self._by_address.get(address)

    def close(self) -> None:
        """End every machine."""
        supervisors = list(self.supervisors.values())
        for supervisor in supervisors:
            supervisor.terminate(seconds=0)
        for supervisor in supervisors:
            supervisor.join(15)

    def _seed(self, record: Instance) -> Seed:
        encoded = str(record.user_data) if record.user_data is not None else ""
        key = record.ec2_backend.key_pairs.get(record.key_name)
        return Seed(
            instance_id=record.id,
            hostname=f"ip-{str(record.private_ip).replace('.', '-')}",
            user_data=base64.b64decode(encoded),
            environment=self._environment(),
            public_keys=(key.public_key,) if key else (),
        )

    def _environment(self) -> dict[str, str]:
        values = {"AWS_ENDPOINT_URL": self.settings.endpoint, **base.host_environment()}
        if {name.lower() for name in values} & {"http_proxy", "https_proxy"}:
            direct = ["localhost", "127.0.0.1", "169.254.169.254", str(self.settings.subnet.network)]
            direct.append(self.settings.subnet.gateway)
            told = values.get("no_proxy", values.get("NO_PROXY", ""))
            values["no_proxy"] = values["NO_PROXY"] = ",".join([*filter(None, told.split(",")), *direct])
        if base.trusts_more(self.store.layers / self.base_layer):
            values.update(TRUST)
        return values

    def _running(self, record: Instance) -> None:
        with self.lock:
            if record.state == "pending":
                records.set_state(record, "running")

    def _stopped(self, record: Instance, cause: Cause) -> None:
        with self.lock:
            if record.public_ip not in self._elastic:
                self._free_public(record)
            records.set_state(record, "stopped")
            records.explain(record, cause)

    def _terminated(self, record: Instance, cause: Cause) -> None:
        with self.lock:
            self._disassociate(record)
            self._free_public(record)
            private = str(record.private_ip)
            self._by_address.pop(private, None)
            self._private.give_back(private)
            del self.supervisors[record.id]
            try:
                record.terminate()
            finally:
                # Whatever moto thinks of its volumes, the machine is gone.
                records.set_state(record, "terminated")
                records.set_private_address(record, "")
                records.explain(record, cause)
        forget = threading.Timer(FORGET_SECONDS, self._forget, args=(record,))
        forget.daemon = True
        forget.start()

    def _forget(self, record: Instance) -> None:
        with self.lock:
            records.forget(record)
        remove_tree(self.settings.names.instance(record.id))

    def _disassociate(self, record: Instance) -> None:
        """What has ended lets go of its Elastic IP, which stays allocated."""
        for elastic in record.ec2_backend.addresses:
            if elastic.instance is record:
                elastic.instance = elastic.eni = elastic.association_id = None

    def _free_public(self, record: Instance) -> None:
        if record.public_ip:
            self._by_address.pop(record.public_ip, None)
            if record.public_ip not in self._elastic:
                self._public.give_back(record.public_ip)
            record.nics[0].public_ip = None


def prepare_base(names: Names, progress: Callable[[str], None]) -> str:
    """The name of the base disk's layer, made now if there is none."""
    store = Store(names.state)
    name = base.layer_name(*base.mirrors(base.host_sources()), base.host_bundle())
    with store.locked():
        if not (store.layers / name).exists():
            # In a group of this cloud, so that what builds the disk can be found and ended like a machine.
            group = Group(names.group, "base")
            group.create()
            try:
                base.build(
                    store.layers / name, log=names.state / "base.log", enter=group.enter, progress=progress
                )
            finally:
                group.remove()
    store.collect()
    return name


def missing_limits(names: Names) -> list[str]:
    """Limits that this host cannot set, tried on a group that is taken away again."""
    group = Group(names.group, "probe")
    group.create(memory=512 * 1024 * 1024, pids=512)
    try:
        return group.unlimited()
    finally:
        group.remove()
