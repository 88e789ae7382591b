"""What ``ensure_infrastructure`` asks of AWS, and docs/operating.md says that its caller needs."""

import fnmatch
import re
from pathlib import Path

from tests.iam import judging, recording

OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"
#: AWS asks for them beside the calls that tag, or give a role, to what they make.
BESIDE = {"ec2:CreateTags", "iam:TagRole", "iam:TagInstanceProfile", "iam:PassRole", "ssm:AddTagsToResource"}


def test_the_documentation_names_what_it_needs_and_no_more() -> None:
    [paragraph] = re.findall(
        r"\*\*Whoever runs `ensure_infrastructure`\*\*.*?\n\n", OPERATING.read_text(), re.S
    )
    named = set(re.findall(r"`(\w+:[\w*]+)`", paragraph))
    asked = {call.name for call in recording.known() if call.asker == "operator"} - judging.FREE | BESIDE
    assert {action for action in asked if not any(fnmatch.fnmatch(action, name) for name in named)} == set()
    assert {name for name in named if not fnmatch.filter(asked, name)} == set()
