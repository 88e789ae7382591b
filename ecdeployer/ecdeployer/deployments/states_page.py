"""The page docs/states.md, drawn from the tables of transitions."""

from collections.abc import Mapping

from ..instances.states import INSTANCE_TRANSITIONS, InstanceState
from . import deadlines
from .states import (
    DEPLOYMENT_TRANSITIONS,
    FIRST_DEPLOYMENT_STEPS,
    LATER_DEPLOYMENT_STEPS,
    REBUILD_STEPS,
    STEP_TRANSITIONS,
    DeploymentState,
    StepName,
    StepState,
)

_HEAD = """\
# States

Written by `manage.py states_page` from the tables in `instances/states.py` and `deployments/states.py`; a
test compares. A record moves along these arrows alone, by one conditional update and one event in one
transaction (`transitions.StatefulModel.move`); whoever comes second finds it moved, and changes nothing.
"""
_INSTANCE = """\
`requested`: recorded, and nothing asked of AWS. `launching`: a launch attempt is committed, so that a machine
may exist. `pending` to `terminated` are EC2's words. `failed`: there is no machine, and none will come.
"""
_DEPLOYMENT = """\
`succeeded` means that the site answered at its public address. `failed` has a step, a code, a reason and what
to do about it; the release that served before serves on. Where the machine had switched already and the
portal did not find the site, it queues the rollback to what served. `cancelled`: somebody called it off,
which is possible until then, or ended the application.
"""
_STEP = """\
A step never goes back: what a machine reports twice, late or out of order changes nothing.
"""


def render() -> str:
    parts = [
        _HEAD,
        "## An instance\n",
        _diagram(INSTANCE_TRANSITIONS, InstanceState.REQUESTED),
        _INSTANCE,
        "## A deployment\n",
        _diagram(DEPLOYMENT_TRANSITIONS, DeploymentState.QUEUED),
        _DEPLOYMENT,
        "## A step of a deployment\n",
        _diagram(STEP_TRANSITIONS, StepState.PENDING),
        _STEP,
        "## The steps, and how long each may take\n",
        _steps(),
    ]
    return "\n".join(parts)


def _diagram(transitions: Mapping[str, frozenset[str]], start: str) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_node(start)}"]
    lines += [f'    state "{state}" as {_node(state)}' for state in transitions if _node(state) != state]
    for state, targets in transitions.items():
        lines += [f"    {_node(state)} --> {_node(target)}" for target in transitions if target in targets]
    lines += [f"    {_node(state)} --> [*]" for state, targets in transitions.items() if not targets]
    return "\n".join([*lines, "```", ""])


def _node(state: str) -> str:
    """Mermaid takes a hyphen in a name for the beginning of an arrow."""
    return str(state).replace("-", "_")


def _steps() -> str:
    lines = [
        "| step | what happens | first deployment | later ones | rebuild | minutes at most |",
        "|---|---|---|---|---|---|",
    ]
    for name in StepName:
        kinds = (FIRST_DEPLOYMENT_STEPS, LATER_DEPLOYMENT_STEPS, REBUILD_STEPS)
        cells = " | ".join("yes" if name in steps else "no" for steps in kinds)
        minutes = deadlines.DEADLINES[name].total_seconds() / 60
        lines.append(f"| `{name}` | {name.label} | {cells} | {minutes:.0f} |")
    return "\n".join(lines) + "\n"
