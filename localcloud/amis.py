"""Moto's AMIs: the base image, and those that the store keeps."""

from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.amis import Ami

from localcloud.images import BASE_IMAGE, Image, Store

DEBIAN_ACCOUNT = "136693071363"
BASE_NAME = "debian-12-amd64-localcloud"


def synchronize(backend: Any, store: Store) -> None:
    """Make one region's AMIs what the store holds, which another local cloud may have changed."""
    if BASE_IMAGE not in backend.amis:
        backend.amis[BASE_IMAGE] = _base(backend)
    kept = {image.image_id: image for image in store.all() if image.region == backend.region_name}
    for image_id, image in kept.items():
        if image_id not in backend.amis and image_id not in backend.deleted_amis:
            backend.amis[image_id] = _ami(backend, image)
    for image_id, ami in list(backend.amis.items()):
        if image_id != BASE_IMAGE and image_id not in kept and ami.state == "available":
            backend.deregister_image(image_id)


def record(ami: Ami, *, region: str, layers: tuple[str, ...]) -> Image:
    """What the store keeps of an AMI."""
    return Image(
        image_id=ami.id,
        name=ami.name or "",
        description=ami.description or "",
        region=region,
        layers=layers,
        created_at=ami.creation_date.replace(tzinfo=UTC).isoformat(),
        source_instance_id=ami.instance_id or "",
        tags=tags(ami),
    )


def tags(ami: Ami) -> dict[str, str]:
    """An AMI's tags by key."""
    return {tag["key"]: tag["value"] for tag in ami.get_tags()}


def complete(ami: Ami) -> None:
    """Say of an AMI what is true of every image here."""
    ami.architecture = "x86_64"
    ami.virtualization_type = "hvm"
    ami.hypervisor = "xen"
    ami.root_device_type = "ebs"
    ami.root_device_name = "/dev/xvda"
    ami.platform = None


def _ami(backend: Any, image: Image) -> Ami:
    created = datetime.fromisoformat(image.created_at).astimezone(UTC).replace(tzinfo=None)
    ami = Ami(
        backend,
        image.image_id,
        name=image.name,
        description=image.description,
        creation_date=created,
        tags=image.tags,
    )
    ami.instance_id = image.source_instance_id or None
    complete(ami)
    return ami


def _base(backend: Any) -> Ami:
    ami = Ami(
        backend,
        BASE_IMAGE,
        name=BASE_NAME,
        description="Debian 12 (localcloud)",
        owner_id=DEBIAN_ACCOUNT,
        public=True,
        creation_date=datetime(2026, 1, 1),  # noqa: DTZ001 - moto keeps naive UTC
    )
    complete(ami)
    return ami
