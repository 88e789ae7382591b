"""EC2's answers about images, and what the answers about instances share with them."""

from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ec2.models.amis import Ami
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from localcloud import amis, refusals
from localcloud.cloud import Cloud
from localcloud.refusals import refuse


class LocalImages(EC2Response):
    """Images are disks of machines, kept in the cloud's store."""

    cloud: ClassVar[Cloud]
    params: dict[str, Any]

    @property
    def ec2_backend(self) -> Any:
        """Moto's records of the request's region, with the images of today."""
        backend = super().ec2_backend
        with self.cloud.lock:
            amis.synchronize(backend, self.cloud.store)
        return backend

    def _instances(self, instance_ids: list[str] | None = None) -> list[Instance]:
        wanted: list[str] = instance_ids or self._get_param("InstanceIds", [])
        if not wanted:
            raise refuse("MissingParameter", "The request must contain the parameter InstanceId")
        refusals.check_instance_ids(wanted)
        found: list[Instance] = self.ec2_backend.get_multi_instances_by_id(wanted)
        return found

    def create_image(self) -> ActionResult:
        with self.cloud.lock:
            [record] = self._instances([self._get_param("InstanceId")])
            refusals.check_state(record.id, record.state, allowed=("running", "stopped"), verb="imaged")
            backend = self.ec2_backend
            others = {ami.name: ami.id for ami in backend.amis.values()}
            refusals.check_image_name(str(self._get_param("Name") or ""), others)
            tags = self._get_param("TagSpecifications", [])
            self.params["TagSpecifications"] = [tag for tag in tags if tag["ResourceType"] == "image"]
            result = super().create_image()
            ami: Ami = backend.amis[content(result)["ImageId"]]
            amis.complete(ami)
            ami.state = "pending"
            for tag in (
                tag for entry in tags if entry["ResourceType"] == "snapshot" for tag in entry["Tags"]
            ):
                ami.ebs_snapshot.add_tag(tag["Key"], tag["Value"])
        reboot = not self._get_bool_param("NoReboot")
        region = self.region
        self.cloud.capture(record, reboot=reboot, done=lambda layers: self._captured(ami, region, layers))
        return result

    def _captured(self, ami: Ami, region: str, layers: tuple[str, ...]) -> None:
        with self.cloud.lock:
            if layers and ami.state == "pending":
                self.cloud.store.save(amis.record(ami, region=region, layers=layers))
                ami.state = "available"
            elif ami.state == "pending":
                ami.state = "failed"

    def deregister_image(self) -> ActionResult:
        with self.cloud.lock:
            image_id = self._get_param("ImageId")
            refusals.check_image_id(image_id)
            ami = self.ec2_backend.amis.get(image_id)
            if ami is not None and ami.owner_id == amis.DEBIAN_ACCOUNT:
                raise refuse("AuthFailure", f"Not authorized for image:{image_id}")
            result = super().deregister_image()
            ami.state = "deregistered"
            self.cloud.store.remove(image_id)
            return result

    def create_tags(self) -> ActionResult:
        result = super().create_tags()
        self._keep_image_tags()
        return result

    def delete_tags(self) -> ActionResult:
        result = super().delete_tags()
        self._keep_image_tags()
        return result

    def _keep_image_tags(self) -> None:
        with self.cloud.lock:
            found = (self.ec2_backend.amis.get(resource) for resource in self._get_param("Resources", []))
            for ami in found:
                if isinstance(ami, Ami):
                    self.cloud.store.retag(ami.id, amis.tags(ami))


def content(result: ActionResult) -> Any:
    """What moto is about to answer; its own annotation says no more than object."""
    return result.result
