"""EC2's answers about Elastic IP addresses: each is an address that really leads to its machine."""

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.utils import add_tag_specification

from localcloud import refusals
from localcloud.ec2_images import LocalImages
from localcloud.refusals import refuse


class LocalAddresses(LocalImages):
    """Moto keeps the records; the cloud has the addresses."""

    def allocate_address(self) -> ActionResult:
        with self.cloud.lock:
            self.error_on_dryrun()
            backend = self.ec2_backend
            if len(backend.addresses) >= self.cloud.settings.elastic_limit:
                raise refuse("AddressLimitExceeded", "The maximum number of addresses has been reached.")
            tags = add_tag_specification(self._get_param("TagSpecifications", []))
            made = backend.allocate_address("vpc", address=self.cloud.new_elastic(), tags=tags)
            return ActionResult(
                {"PublicIp": made.public_ip, "Domain": "vpc", "AllocationId": made.allocation_id}
            )

    def associate_address(self) -> ActionResult:
        with self.cloud.lock:
            address = self._address(self._get_param("AllocationId"))
            [record] = self._instances([self._get_param("InstanceId")])
            refusals.check_addressable(record.id, record.state)
            elsewhere = address.instance is not None and address.instance.id != record.id
            if elsewhere and not self._get_bool_param("AllowReassociation"):
                raise refuse(
                    "Resource.AlreadyAssociated",
                    f"resource {address.allocation_id} is already associated with associate-id "
                    f"{address.association_id}",
                )
            self.error_on_dryrun()
            for other in self.ec2_backend.addresses:
                if other is not address and other.instance is record:
                    other.instance = other.eni = other.association_id = None
            self.cloud.lead(record, address.public_ip)
            self.ec2_backend.associate_address(
                instance=record, allocation_id=address.allocation_id, reassociate=True
            )
            return ActionResult({"AssociationId": address.association_id})

    def disassociate_address(self) -> ActionResult:
        with self.cloud.lock:
            [address] = self.ec2_backend.address_by_association([self._get_param("AssociationId")])
            self.error_on_dryrun()
            record = address.instance
            address.instance = address.eni = address.association_id = None
            if record is not None:
                self.cloud.let_go(record)
            return EmptyResult()

    def release_address(self) -> ActionResult:
        with self.cloud.lock:
            address = self._address(self._get_param("AllocationId"))
            if address.instance is not None:
                raise refuse("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
            self.error_on_dryrun()
            self.ec2_backend.addresses.remove(address)
            self.cloud.drop_elastic(address.public_ip)
            return EmptyResult()

    def _address(self, allocation_id: str) -> ElasticAddress:
        found: list[ElasticAddress] = [
            each for each in self.ec2_backend.addresses if each.allocation_id == allocation_id
        ]
        if not found:
            raise refuse(
                "InvalidAllocationID.NotFound", f"The allocation ID '{allocation_id}' does not exist"
            )
        return found[0]
