"""The page docs/faults.md, drawn from the tables of AWS's refusals."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .command_ends import ENDS, UNLISTED, CommandEnd
from .errors import RULES, UNAVAILABLE, Rule

_HEAD = """\
# What AWS refuses, and what becomes of it

Written by `python -m ecdeployer.aws.faults_page` from the tables in `aws/errors.py`, `aws/command_ends.py`
and `aws/faults_page.py`; a test compares, `tests/unit/instances/test_faults.py` drives every code through
every call, and `tests/unit/deployments/test_command_faults.py` every line of Run Command. A code that is not
here is a refusal for good, and any answer of 5xx is `unavailable`.

The operator's line is `CODE: AWS's own words (the call, request and its id)` after the record that it is
about, for `UnauthorizedOperation` with the decoded message; a value that AWS or botocore quotes is hidden. A
launch's stands at WARNING, and where all launches are held `launches are held for N s` follows at ERROR.

## Launches, sweeps, ends
"""
_COMMANDS = """
## Run Command and parameters

Of requests that belong to a deployment. The operator's line begins with `deployment` and its id.
"""
_ENDS = """
## Commands that end without success

Each is told by GetCommandInvocation, as its status or in its details. The operator's line is
`deployment ID: command ID ended as STATE (exit code N)`.
"""


@dataclass(frozen=True)
class Behaviour:
    """What a launch does, what everything else does, and whether launches are held, with an alarm."""

    launch: str
    other: str
    holds: int = 0

    @property
    def log(self) -> str:
        return f"WARNING; ERROR: held for {self.holds} s" if self.holds else "WARNING"


#: By kind.
BEHAVIOUR = {
    "throttled": Behaviour(
        "the same request again, with the same token; the queue for all launches slows down", "again"
    ),
    "unavailable": Behaviour("the same request again, with the same token", "again"),
    "capacity": Behaviour("a new attempt in the next zone; after all of them it fails, and says so", "fails"),
    "limit": Behaviour("all launches wait 30 seconds; then the same request again", "again", holds=30),
    "paused": Behaviour("all launches wait 30 seconds; then the same request again", "again", holds=30),
    "credentials": Behaviour(
        "expired: read anew once, and asked again at once; if that fails too, all launches wait 15 seconds, "
        "and the same request again. Others: all launches wait, this one fails",
        "expired: again, else: fails",
        holds=15,
    ),
    "invalid": Behaviour("fails at once", "fails"),
    "denied": Behaviour("fails at once", "fails"),
    "not-found": Behaviour(
        "fails at once, unless an earlier request has launched a machine or the same may be sent again",
        "an end: the machine is described first",
    ),
    "mismatch": Behaviour(
        "the machine is looked up by its tag and adopted; if it has ended, a new attempt", "fails"
    ),
}


@dataclass(frozen=True)
class CommandFault:
    """A refusal of a deployment's own request; ``lasts``: until when it is asked again, if it is."""

    call: str
    code: str
    lasts: str = ""

    @property
    def level(self) -> str:
        return "INFO" if self.lasts else "ERROR"


_DEADLINE = "until the step's deadline"
_SENDING = {
    "InvalidInstanceId": _DEADLINE,
    "ThrottlingException": _DEADLINE,
    "InternalServerError": _DEADLINE,
    "ExpiredTokenException": _DEADLINE,
    "AccessDeniedException": "",
    "InvalidDocument": _DEADLINE,
    "InvalidDocumentVersion": _DEADLINE,
}
_WRITING = {
    "TooManyUpdates": _DEADLINE,
    "ThrottlingException": _DEADLINE,
    "InternalServerError": _DEADLINE,
    "AccessDeniedException": "",
    "KMSAccessDeniedException": "",
    "InvalidKeyId": "",
    "ParameterNotFound": "",
}
_LOOKING = {
    UNLISTED: "for 30 seconds from when it was sent",
    "ThrottlingException": _DEADLINE,
    "InternalServerError": _DEADLINE,
    "ExpiredTokenException": _DEADLINE,
    "AccessDeniedException": _DEADLINE,
}
COMMAND_FAULTS = [
    CommandFault(call, code, lasts)
    for call, faults in (
        ("PutParameter", _WRITING),
        ("SendCommand", _SENDING),
        ("GetCommandInvocation", _LOOKING),
    )
    for code, lasts in faults.items()
]


def render() -> str:
    return "\n".join(
        [
            _HEAD,
            *_table(("codes", "kind", "the person reads", "log", "a launch", "everything else"), _refusals()),
            _COMMANDS,
            *_table(("call", "AWS says", "the person reads", "log", "the deployment"), _commands()),
            _ENDS,
            *_table(
                ("AWS says", "the person reads", "log", "the deployment"), map(_end, ENDS, ENDS.values())
            ),
            "",
        ]
    )


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield from (_line(titles), "|" + "---|" * len(titles), *map(_line, rows))


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _refusals() -> Iterator[tuple[str, ...]]:
    by_rule: dict[Rule, list[str]] = {}
    for code, rule in RULES.items():
        by_rule.setdefault(rule, []).append(code)
    for rule, codes in by_rule.items():
        behaviour = BEHAVIOUR[rule.kind]
        names = ", ".join(f"`{code}`" for code in sorted(codes))
        names += ", no answer, any 5xx" if rule == UNAVAILABLE else ""
        yield names, rule.kind, rule.person, behaviour.log, behaviour.launch, behaviour.other


def _commands() -> Iterator[tuple[str, ...]]:
    for fault in COMMAND_FAULTS:
        becomes = f"asks again {fault.lasts}" if fault.lasts else f"fails with `aws-{RULES[fault.code].kind}`"
        if fault.code == UNLISTED:
            becomes += f", then fails with `{ENDS[UNLISTED].code}`"
        looks = fault.call == "GetCommandInvocation"
        person = "(the step goes on)" if looks else RULES[fault.code].person
        yield fault.call, f"`{fault.code}`", person, fault.level, becomes


def _end(name: str, end: CommandEnd) -> tuple[str, ...]:
    becomes = f"fails with `{end.code}`"
    if end.ran:
        becomes = f"the machine is asked for its own result; without one it {becomes}"
    said = f"`{name}`, for more than 30 seconds" if name == UNLISTED else f"`{name}`"
    return said, end.person, "ERROR" if end.is_alarm else "WARNING", becomes


if __name__ == "__main__":
    print(render(), end="")
