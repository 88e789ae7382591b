"""How a command of Run Command ends without success: the words for the person, and what becomes of it.

The keys are GetCommandInvocation's StatusDetails without spaces, and its Status where there are none:
https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html
"""

from dataclasses import dataclass

#: Sent, and yet not known to AWS after a while.
UNLISTED = "InvocationDoesNotExist"


@dataclass(frozen=True)
class CommandEnd:
    """``code`` is the deployment's failure code.

    ``ran``: it may have begun on the machine, whose own result says more. ``is_alarm``: the operator has
    something to mend.
    """

    code: str
    person: str
    ran: bool = False
    is_alarm: bool = False


ENDS = {
    "Failed": CommandEnd(
        "command-failed", "The command failed on the machine, before it had a result.", ran=True
    ),
    "Cancelled": CommandEnd("command-cancelled", "The command was cancelled in AWS.", ran=True),
    "Terminated": CommandEnd(
        "command-cancelled", "The command was cancelled in AWS, because too many others had failed."
    ),
    "TimedOut": CommandEnd("command-timeout", "The command ran out of time in AWS.", ran=True),
    "ExecutionTimedOut": CommandEnd(
        "command-timeout", "The command ran out of time on the machine, and was ended there.", ran=True
    ),
    "DeliveryTimedOut": CommandEnd(
        "command-undelivered", "The command did not reach the machine in time: it is off, or its agent is."
    ),
    "Undeliverable": CommandEnd(
        "command-undelivered",
        "The command could not be delivered: the machine is not there, or does not answer.",
    ),
    "AccessDenied": CommandEnd(
        "command-denied",
        "The command was refused: the portal or the machine lacks a permission.",
        is_alarm=True,
    ),
    "InvalidPlatform": CommandEnd(
        "command-unfit", "The command does not fit the machine's operating system.", is_alarm=True
    ),
    UNLISTED: CommandEnd("command-unlisted", "AWS took the command, and does not know it."),
}


def end_of(status: str, details: str) -> CommandEnd:
    """Of a command that has ended, and not well. What AWS invents later is a failure on the machine."""
    return (
        ENDS.get(details)
        or ENDS.get(status)
        or CommandEnd("command-failed", f"The command ended as {status}.", ran=True)
    )
