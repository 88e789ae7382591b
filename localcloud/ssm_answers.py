"""Run Command's records in the shapes of the API."""

from datetime import UTC, datetime
from typing import Any

from localcloud.run_command import FINAL, Command, Invocation, Plugin


def described(command: Command) -> dict[str, Any]:
    """Command."""
    states = [invocation.status for invocation in command.invocations]
    return {
        "CommandId": command.command_id,
        "DocumentName": command.document,
        "DocumentVersion": command.version,
        "Comment": command.comment,
        "ExpiresAfter": command.expires,
        "Parameters": command.parameters,
        "InstanceIds": [invocation.instance_id for invocation in command.invocations],
        "Targets": command.targets,
        "RequestedDateTime": command.requested,
        "Status": command.status,
        "StatusDetails": command.status,
        "TargetCount": len(states),
        "CompletedCount": sum(state in FINAL for state in states),
        "ErrorCount": sum(state in ("Failed", "TimedOut") for state in states),
        "DeliveryTimedOutCount": 0,
        "TimeoutSeconds": command.timeout_seconds,
    }


def invocation_answer(command: Command, invocation: Invocation, *, details: bool) -> dict[str, Any]:
    """CommandInvocation; the plugins' output only when details are asked for."""
    answer = {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": command.version,
        "RequestedDateTime": command.requested,
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "CommandPlugins": [],
    }
    if details:
        answer["CommandPlugins"] = [
            {
                "Name": plugin.name,
                "Status": plugin.status,
                "StatusDetails": plugin.details,
                "ResponseCode": plugin.code,
                "ResponseStartDateTime": plugin.began,
                "ResponseFinishDateTime": plugin.ended,
                "Output": (
                    plugin.output + (f"\n----------ERROR-------\n{plugin.errors}" if plugin.errors else "")
                )[:2500],
            }
            for plugin in invocation.plugins
        ]
    return answer


def plugin_answer(command: Command, invocation: Invocation, plugin: Plugin) -> dict[str, Any]:
    """GetCommandInvocation's answer."""
    elapsed = ((plugin.ended or datetime.now(UTC)) - plugin.began).total_seconds() if plugin.began else 0.0
    return {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": command.version,
        "PluginName": plugin.name,
        "ResponseCode": plugin.code,
        "ExecutionStartDateTime": _moment(plugin.began),
        "ExecutionElapsedTime": f"PT{elapsed:.3f}S" if plugin.began else "",
        "ExecutionEndDateTime": _moment(plugin.ended),
        "Status": "Cancelling" if invocation.status == "Cancelling" else plugin.status,
        "StatusDetails": plugin.details,
        "StandardOutputContent": plugin.output,
        "StandardOutputUrl": "",
        "StandardErrorContent": plugin.errors,
        "StandardErrorUrl": "",
    }


def _moment(when: datetime | None) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else ""
