"""EC2's answers: moto's, but what concerns machines is done, and refused, as EC2 would."""

import base64
from copy import deepcopy
from typing import Any, ClassVar

from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2 import urls
from moto.ec2.exceptions import OperationDisableApiStopNotPermitted, OperationNotPermitted4
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceState

from localcloud import refusals, templates
from localcloud.cloud import Cloud
from localcloud.ec2_addresses import LocalAddresses
from localcloud.ec2_images import content
from localcloud.refusals import refuse
from localcloud.tokens import Tokens


def install(cloud: Cloud) -> None:
    """Put this class in the place of moto's."""
    LocalEC2.cloud = cloud
    LocalEC2.tokens = Tokens()
    urls.url_paths = {"{0}/": LocalEC2.dispatch}


class LocalEC2(LocalAddresses):
    """Moto makes one of these for each request; methods are named after the API's actions."""

    tokens: ClassVar[Tokens]

    # Instances

    def run_instances(self) -> ActionResult:
        with self.cloud.lock:
            asked = deepcopy(self.params)
            token = asked.get("ClientToken") or ""
            refusals.check_client_token(token)
            self.params = self._completed(asked)
            key = (self.current_account, self.region, self._zone(), token)
            found = self.tokens.find(key, asked) if token else None
            if found is not None:
                return ActionResult(found)
            layers = self._check_launch()
            result = super().run_instances()
            for record in content(result).instances:
                self.cloud.launch(record, layers)
            if token:
                self.tokens.keep(key, asked, content(result))
            return result

    def _completed(self, request: dict[str, Any]) -> dict[str, Any]:
        named = request.get("LaunchTemplate")
        completed = templates.merge(self._template_data(named), request) if named else dict(request)
        least, most = int(completed.get("MinCount", 1)), int(completed.get("MaxCount", 1))
        free = self.cloud.free
        refusals.check_counts(least, most, free=free)
        # Moto launches the least that was asked for, EC2 as many as it can.
        completed["MinCount"] = min(most, free)
        return completed

    def _template_data(self, named: dict[str, Any]) -> dict[str, Any]:
        backend = self.ec2_backend
        if named.get("LaunchTemplateId"):
            template = backend.get_launch_template(named["LaunchTemplateId"])
        else:
            template = backend.get_launch_template_by_name(named.get("LaunchTemplateName"))
        version = str(named.get("Version") or "$Default")
        refusals.check_template_version(version)
        data: dict[str, Any] = template.get_version(version).data
        return data

    def _zone(self) -> str:
        interfaces = self.params.get("NetworkInterfaces") or [{}]
        subnet = self.params.get("SubnetId") or interfaces[0].get("SubnetId")
        if subnet:
            return str(self.ec2_backend.get_subnet(subnet).availability_zone)
        return str((self.params.get("Placement") or {}).get("AvailabilityZone") or f"{self.region}a")

    def _check_launch(self) -> tuple[str, ...]:
        image_id = str(self.params.get("ImageId") or "")
        refusals.check_image_id(image_id)
        ami = self.ec2_backend.amis.get(image_id)
        layers = self.cloud.layers(image_id)
        if ami is not None and (ami.state != "available" or layers is None):
            raise refuse("InvalidAMIID.Unavailable", f"The image ID '[{image_id}]' is not available")
        if ami is None or layers is None:
            raise refuse("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
        self._check_type(str(self.params.get("InstanceType") or "m1.small"))
        refusals.check_user_data(str(self.params.get("UserData") or ""))
        return layers

    def _check_type(self, name: str) -> None:
        known = INSTANCE_TYPES.get(name)
        if known is None:
            raise refuse("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
        architectures = known.get("ProcessorInfo", {}).get("SupportedArchitectures", ["x86_64"])
        if "x86_64" not in architectures:
            raise refuse(
                "InvalidParameterValue",
                f"The architecture '{','.join(architectures)}' of the specified instance type does not match "
                "the architecture 'x86_64' of the specified AMI.",
            )

    def terminate_instances(self) -> ActionResult:
        with self.cloud.lock:
            found = self._instances()
            for record in found:
                if record.disable_api_termination in (True, "true"):
                    raise OperationNotPermitted4(record.id)
            self.error_on_dryrun()
            before = [_snapshot(record) for record in found]
            for record in found:
                if record.state in ("pending", "running", "stopping", "stopped"):
                    self.cloud.terminate(record)
            return _changes("TerminatingInstances", found, before)

    def stop_instances(self) -> ActionResult:
        with self.cloud.lock:
            found = self._instances()
            for record in found:
                if record.disable_api_stop is True:
                    raise OperationDisableApiStopNotPermitted(record.id)
                allowed = ("running", "stopping", "stopped")
                refusals.check_state(record.id, record.state, allowed=allowed, verb="stopped")
            self.error_on_dryrun()
            before = [_snapshot(record) for record in found]
            for record in found:
                if record.state == "running":
                    self.cloud.stop(record)
            return _changes("StoppingInstances", found, before)

    def start_instances(self) -> ActionResult:
        with self.cloud.lock:
            found = self._instances()
            for record in found:
                allowed = ("pending", "running", "stopped")
                refusals.check_state(record.id, record.state, allowed=allowed, verb="started")
            self.error_on_dryrun()
            before = [_snapshot(record) for record in found]
            for record in found:
                if record.state == "stopped":
                    self.cloud.start(record)
            return _changes("StartingInstances", found, before)

    def reboot_instances(self) -> ActionResult:
        with self.cloud.lock:
            found = self._instances()
            for record in found:
                refusals.check_state(record.id, record.state, allowed=("running",), verb="rebooted")
            self.error_on_dryrun()
            for record in found:
                self.cloud.reboot(record)
            return EmptyResult()

    def describe_instances(self) -> ActionResult:
        refusals.check_instance_ids(self._get_param("InstanceIds", []))
        return super().describe_instances()

    def describe_instance_status(self) -> ActionResult:
        refusals.check_instance_ids(self._get_param("InstanceIds", []))
        found: list[Instance] = content(super().describe_instance_status())["InstanceStatuses"]
        return ActionResult({"InstanceStatuses": [self._status(record) for record in found]})

    def _status(self, record: Instance) -> dict[str, Any]:
        supervisor = self.cloud.supervisors.get(record.id)
        status: dict[str, Any] = {"Status": "not-applicable"}
        if record.state == "running":
            answers = supervisor is not None and supervisor.answers
            detail = {"Name": "reachability", "Status": "passed" if answers else "initializing"}
            status = {"Status": "ok" if answers else "initializing", "Details": [detail]}
        return {
            "AvailabilityZone": record.availability_zone,
            "InstanceId": record.id,
            "InstanceState": record.instance_state,
            "InstanceStatus": status,
            "SystemStatus": status,
        }

    def modify_instance_attribute(self) -> ActionResult:
        with self.cloud.lock:
            [record] = self._instances([self._get_param("InstanceId")])
            if any(self.params.get(name) for name in ("InstanceType", "UserData")):
                refusals.check_state(record.id, record.state, allowed=("stopped",), verb="modified")
            return super().modify_instance_attribute()

    def get_console_output(self) -> ActionResult:
        [record] = self._instances([self._get_param("InstanceId")])
        output = base64.b64encode(self.cloud.console(record.id))
        return ActionResult(
            {
                "InstanceId": record.id,
                "Timestamp": utcnow(),
                "Output": Base64EncodedString.from_encoded_bytes(output),
            }
        )

    # Launch templates

    def create_launch_template(self) -> ActionResult:
        refusals.check_user_data(str((self.params.get("LaunchTemplateData") or {}).get("UserData") or ""))
        result = super().create_launch_template()
        template = self.ec2_backend.get_launch_template(content(result)["LaunchTemplate"]["LaunchTemplateId"])
        # Moto adds the template's own tags to those of the instances it describes.
        template.versions[0].data = templates.without_own_tags(template.versions[0].data)
        return result

    def create_launch_template_version(self) -> ActionResult:
        data = self.params.get("LaunchTemplateData") or {}
        refusals.check_user_data(str(data.get("UserData") or ""))
        source = self.params.get("SourceVersion")
        if source:
            named = {key: self.params.get(key) for key in ("LaunchTemplateId", "LaunchTemplateName")}
            self.params["LaunchTemplateData"] = {**self._template_data({**named, "Version": source}), **data}
        return super().create_launch_template_version()


def _snapshot(record: Instance) -> InstanceState:
    return InstanceState(record.state, record.state_code)


def _changes(name: str, found: list[Instance], before: list[InstanceState]) -> ActionResult:
    changes = [
        {"InstanceId": record.id, "CurrentState": _snapshot(record), "PreviousState": previous}
        for record, previous in zip(found, before, strict=True)
    ]
    return ActionResult({name: changes})
