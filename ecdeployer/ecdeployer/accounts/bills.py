"""What a person's instances cost, beside what they may; for staff the whole portal's too."""

from dataclasses import dataclass

from ..instances import spending
from ..instances.spending import Spending
from . import limits
from .limits import Limits
from .models import User


@dataclass(frozen=True, kw_only=True)
class Bill:
    title: str
    spending: Spending
    limits: Limits


def read_bills(user: User) -> list[Bill]:
    """Two queries for each."""
    own = Bill(title="Your applications", spending=spending.of_owner(user), limits=limits.of(user))
    if not user.is_staff:
        return [own]
    whole = Bill(title="The whole portal", spending=spending.of_portal(), limits=limits.of_portal())
    return [own, whole]
