"""Systems Manager's answers: moto's for parameters and documents, machines' for Run Command."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar, cast

import yaml
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.ssm import urls
from moto.ssm.exceptions import SSMException
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from localcloud import documents
from localcloud.cloud import Cloud
from localcloud.images import BASE_IMAGE
from localcloud.run_command import FINAL, Command, Invocation, Plugin, Runner
from localcloud.ssm_answers import described, invocation_answer, plugin_answer
from localcloud.ssm_documents import DocumentVersions, version_of

PUBLIC_PARAMETER = "/aws/service/debian/release/12/latest/amd64"
_INSTANCE_ID = re.compile(r"m?i-[0-9a-f]{8,17}")
_AGENT = "3.3.2746.0"
_PAGE = 50
Thing = TypeVar("Thing")


def install(cloud: Cloud) -> None:
    """Put this class in the place of moto's."""
    LocalSSM.cloud = cloud
    LocalSSM.commands = []
    urls.url_paths = {"{0}/$": LocalSSM.dispatch}


class LocalSSM(DocumentVersions):
    """Moto makes one of these for each request; methods are named after the API's actions."""

    cloud: ClassVar[Cloud]
    commands: ClassVar[list[Command]]

    @property
    def ssm_backend(self) -> SimpleSystemManagerBackend:
        """Moto's records of the request's region, with Debian's public parameter."""
        backend = super().ssm_backend
        with self.cloud.lock:
            if PUBLIC_PARAMETER not in backend._parameters:
                backend._parameters[PUBLIC_PARAMETER].append(_public_parameter(backend.account_id))
        return backend

    def send_command(self) -> ActionResult:
        document, version = self._document()
        given: dict[str, list[str]] = self._get_param("Parameters") or {}
        try:
            steps = documents.plan(document, given)
        except documents.ParametersRefusedError as error:
            raise SSMException("InvalidParameters", str(error)) from error
        except documents.DocumentRefusedError as error:
            raise SSMException("InvalidDocument", str(error)) from error
        self._check_limits()
        found = self._machines()
        command = Command(
            document=self._get_param("DocumentName"),
            version=version,
            comment=self._get_param("Comment") or "",
            parameters=given,
            targets=self._get_param("Targets") or [],
            timeout_seconds=int(self._get_param("TimeoutSeconds") or 3600),
            invocations=[Invocation(one, [Plugin(step.name) for step in steps]) for one in found],
            region=self.region,
        )
        answer = described(command)
        self.commands.append(command)
        for invocation in command.invocations:
            Runner(command, invocation, self.cloud.supervisors[invocation.instance_id], steps).start()
        return ActionResult({"Command": answer})

    def _document(self) -> tuple[dict[str, Any], str]:
        name = self._get_param("DocumentName") or ""
        if name == "AWS-RunShellScript":
            return documents.RUN_SHELL_SCRIPT, "1"
        found = version_of(self.ssm_backend, name.rsplit("/", 1)[-1], self._get_param("DocumentVersion"))
        content: dict[str, Any] = yaml.safe_load(found.content)
        return content, found.document_version

    def _check_limits(self) -> None:
        comment, seconds = self._get_param("Comment") or "", self._get_param("TimeoutSeconds")
        if len(comment) > 100:
            raise SSMException("ValidationException", "Value at 'comment' must have length of at most 100")
        if seconds is not None and not 30 <= int(seconds) <= 2_592_000:
            raise SSMException("ValidationException", "Value at 'timeoutSeconds' must be at least 30")

    def _machines(self) -> list[str]:
        """The ids of the machines that a command goes to; those named must be known to Systems Manager."""
        wanted: list[str] = self._get_param("InstanceIds") or []
        targets = self._get_param("Targets") or []
        if not wanted and not targets:
            raise SSMException("InvalidInstanceId", "Either InstanceIds or Targets must be given")
        if len(wanted) > 50 or any(not _INSTANCE_ID.fullmatch(one) for one in wanted):
            raise SSMException(
                "ValidationException", "Value at 'instanceIds' failed to satisfy its constraint"
            )
        if len(set(wanted)) != len(wanted):
            raise SSMException("DuplicateInstanceId", "An instance id is given twice")
        managed = {record.id: record for record in self._managed()}
        lost = [one for one in wanted if one not in managed or managed[one].state != "running"]
        if lost:
            raise SSMException(
                "InvalidInstanceId", f"Instances [[{', '.join(lost)}]] not in a valid state for account"
            )
        return wanted or [record.id for record in managed.values() if _is_target(record, targets)]

    def _managed(self) -> list[Instance]:
        """Instances of the region whose machine has answered since it was launched."""
        with self.cloud.lock:
            found: list[Instance] = ec2_backends[self.current_account][self.region].all_instances()
            return [
                record
                for record in found
                if record.id in self.cloud.supervisors and self.cloud.supervisors[record.id].registered
            ]

    def list_commands(self) -> ActionResult:
        wanted, instance_id = self._get_param("CommandId"), self._get_param("InstanceId")
        if wanted:
            self._command(wanted)
        found = [
            command
            for command in reversed(self.commands)
            if command.region == self.region
            and wanted in (None, command.command_id)
            and (not instance_id or any(one.instance_id == instance_id for one in command.invocations))
            and all(_passes(command, one["key"], one["value"]) for one in self._get_param("Filters") or [])
        ]
        return self._page("Commands", found, described)

    def list_command_invocations(self) -> ActionResult:
        wanted, instance_id = self._get_param("CommandId"), self._get_param("InstanceId")
        if wanted:
            self._command(wanted)
        details = bool(self._get_param("Details"))
        found = [
            (command, invocation)
            for command in reversed(self.commands)
            for invocation in command.invocations
            if command.region == self.region
            and wanted in (None, command.command_id)
            and instance_id in (None, invocation.instance_id)
            and all(_passes(command, one["key"], one["value"]) for one in self._get_param("Filters") or [])
        ]
        return self._page("CommandInvocations", found, lambda pair: invocation_answer(*pair, details=details))

    def get_command_invocation(self) -> ActionResult:
        command = self._command(self._get_param("CommandId"))
        instance_id, name = self._get_param("InstanceId"), self._get_param("PluginName")
        found = [one for one in command.invocations if one.instance_id == instance_id]
        if not found:
            raise SSMException("InvocationDoesNotExist", "The command has no invocation on that instance")
        plugins = [plugin for plugin in found[0].plugins if name in (None, plugin.name)]
        if len(plugins) != 1:
            raise SSMException("InvalidPluginName", "Name one plugin of the document")
        return ActionResult(plugin_answer(command, found[0], plugins[0]))

    def cancel_command(self) -> ActionResult:
        command = self._command(self._get_param("CommandId"))
        wanted = self._get_param("InstanceIds") or []
        for invocation in command.invocations:
            if invocation.status not in FINAL and (not wanted or invocation.instance_id in wanted):
                invocation.cancelled.set()
        return EmptyResult()

    def describe_instance_information(self) -> ActionResult:
        conditions = _conditions(self._get_param("Filters") or [], "Key", "Values")
        conditions += _conditions(self._get_param("InstanceInformationFilterList") or [], "key", "valueSet")
        found = [self._information(record) for record in self._managed()]
        for key, values in conditions:
            found = [one for one in found if one.get(key) in values]
        return self._page("InstanceInformationList", found, lambda one: one)

    def _information(self, record: Instance) -> dict[str, Any]:
        online = record.state == "running" and self.cloud.supervisors[record.id].answers
        return {
            "InstanceId": record.id,
            "PingStatus": "Online" if online else "ConnectionLost",
            "LastPingDateTime": utcnow(),
            "AgentVersion": _AGENT,
            "IsLatestVersion": True,
            "PlatformType": "Linux",
            "PlatformName": "Debian GNU/Linux",
            "PlatformVersion": "12",
            "ResourceType": "EC2Instance",
            "IPAddress": record.private_ip,
            "ComputerName": record.private_dns_name,
            "RegistrationDate": record.launch_time,
        }

    def _command(self, command_id: str) -> Command:
        for command in self.commands:
            if command.command_id == command_id and command.region == self.region:
                return command
        raise SSMException("InvalidCommandId", "There is no such command")

    def _page(self, name: str, found: list[Thing], describe: Callable[[Thing], Any]) -> ActionResult:
        token = str(self._get_param("NextToken") or "0")
        if not token.isdigit():
            raise SSMException("InvalidNextToken", "The token is not valid")
        start, size = int(token), int(self._get_param("MaxResults") or _PAGE)
        page: dict[str, Any] = {name: [describe(one) for one in found[start : start + size]]}
        if start + size < len(found):
            page["NextToken"] = str(start + size)
        return ActionResult(page)


def _public_parameter(account: str) -> Parameter:
    # Moto's class lacks two methods that only CloudFormation would call.
    make = cast("Callable[..., Parameter]", Parameter)
    return make(
        account_id=account,
        name=PUBLIC_PARAMETER,
        value=BASE_IMAGE,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=datetime(2026, 1, 1, tzinfo=UTC),
        version=1,
        data_type="aws:ec2:image",
    )


def _is_target(record: Instance, targets: Iterable[dict[str, Any]]) -> bool:
    tags = {tag["key"]: tag["value"] for tag in record.get_tags()}
    held = {"InstanceIds": record.id, **{f"tag:{key}": value for key, value in tags.items()}}
    return all(held.get(target["Key"]) in target["Values"] for target in targets)


def _conditions(filters: Iterable[dict[str, Any]], key: str, values: str) -> list[tuple[str, list[str]]]:
    names = {"InstanceIds": "InstanceId", "PlatformTypes": "PlatformType"}
    return [(names.get(one[key], one[key]), one[values]) for one in filters]


def _passes(command: Command, key: str, value: str) -> bool:
    if key in ("InvokedAfter", "InvokedBefore"):
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return command.requested > moment if key == "InvokedAfter" else command.requested < moment
    stage = "Complete" if command.status in FINAL else "Executing"
    return {"Status": command.status, "DocumentName": command.document, "ExecutionStage": stage}.get(
        key
    ) == value
