"""Asking the evaluator, which is a program of Node's."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.iam import ec2, s3, ssm
from tests.iam.requests import Parameters, Request, World

FOLDER = Path(__file__).parent
#: Needs no permission.
FREE = frozenset({"sts:GetCallerIdentity"})


@dataclass(frozen=True)
class Judgement:
    """``verdicts``: one for each request, "Allowed" or why not; ``kinds``: of what they are about.

    By AWS's reference ``needed`` are the kinds of resources that an action is asked of, and ``changes`` the
    actions of a service that do more than look.
    """

    verdicts: list[str]
    kinds: list[str]
    needed: dict[str, list[str]]
    changes: list[str]

    @property
    def allowed(self) -> bool:
        """A call is when each of its requests is."""
        return set(self.verdicts) == {"Allowed"}


class Evaluator:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def judge(
        self, policy: Mapping[str, Any], requests: Sequence[Request], *, services: Sequence[str] = ()
    ) -> Judgement:
        """``services``: those whose ``changes`` are wanted. What makes no sense to AWS is an error."""
        question = {"policy": policy, "requests": [asdict(each) for each in requests], "services": services}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(_owned(json.dumps(question)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"The evaluator has ended. scripts/test installs what it needs into {FOLDER}."
        found = json.loads(line)
        answers = found["answers"]
        errors = [pair for pair in zip(requests, answers, strict=True) if "error" in pair[1]]
        assert not errors, errors
        return Judgement(
            verdicts=[each["verdict"] for each in answers],
            kinds=[each["kind"] for each in answers],
            needed=found["reference"],
            changes=found["changes"],
        )


@contextmanager
def evaluator() -> Iterator[Evaluator]:
    with subprocess.Popen(
        ["node", FOLDER / "judge.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Evaluator(process)


def requests_of(name: str, given: Parameters, world: World) -> list[Request]:
    """What AWS asks for one call. KeyError: nobody has said yet, in the module of its service."""
    service = name.partition(":")[0]
    if name in FREE:
        return []
    rooms = {"ec2": ec2.requests, "s3": s3.requests, "ssm": ssm.requests}
    if service in rooms:
        return rooms[service](name, given, world)
    return {"cloudwatch:PutMetricData": ssm.put_metric_data, "sts:DecodeAuthorizationMessage": _plain}[name](
        name, given, world
    )


def _owned(text: str) -> str:
    """The evaluator takes no ARN of SSM without an account: what is AWS's own gets one here, in both."""
    return re.sub(r"(arn:aws:ssm:[a-z0-9-]+:):", r"\g<1>000000000000:", text)


def _plain(name: str, given: Parameters, world: World) -> list[Request]:
    return [Request(name, "*")]
