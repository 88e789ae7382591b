"""What is to become of an event: deployed, ignored or refused, and why. Facts in, verdict out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..git.repository import RepositoryURL
from .models import Delivery
from .payloads import PING, PUSH, Event
from .senders import Sender

Outcome = Delivery.Outcome
#: GitHub delivers a push again within three days of it: what is older was kept by somebody.
STALE = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Of the application. ``branch`` is the one to deploy; empty while nobody knows the default one.

    ``repository_id``: the sender's id of the repository at an earlier push. ``asked``: a person wants it.
    """

    repository: RepositoryURL
    repository_id: str
    branch: str
    is_on: bool
    asked: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    outcome: Delivery.Outcome
    reason: str = ""


def judge(event: Event, facts: Facts, *, now: datetime) -> Verdict:
    if event.name == PING:
        wrong = _about_repository(event, facts) if event.repository else None
        return wrong or Verdict(outcome=Outcome.ANSWERED, reason="It works.")
    if event.name != PUSH:
        return _ignored(f"The event is {event.name or 'without a name'}; pushes alone deploy.")
    if not facts.is_on and not facts.asked:
        return _ignored("Deploy on push is switched off.")
    return (
        _about_repository(event, facts)
        or _about_ref(event, facts)
        or _about_time(event, facts, now)
        or Verdict(outcome=Outcome.WAITING)
    )


def _about_repository(event: Event, facts: Facts) -> Verdict | None:
    ours, theirs = full_name(facts.repository), event.repository
    if not theirs and event.sender == Sender.PLAIN:
        return None
    if theirs.casefold() == ours.casefold():
        return None
    if event.repository_id and event.repository_id == facts.repository_id:
        return _refused(
            f"The repository {ours} is called {theirs} now, where the portal cannot follow it. Change the "
            "repository URL under Settings, or give the repository its name back."
        )
    return _refused(
        f"It is about {theirs or 'a repository without a name'}, and this application's is {ours}."
    )


def full_name(repository: RepositoryURL) -> str:
    return f"{repository.owner}/{repository.name}" if repository.owner else repository.name


def _about_ref(event: Event, facts: Facts) -> Verdict | None:
    if event.tag:
        return _ignored(f"It is the tag {event.tag}; branches alone are deployed.")
    if not event.branch:
        return _ignored(f"It is {event.ref}, which is no branch.")
    if not facts.branch:
        return _ignored("The default branch is not known yet. Name the branch of this application.")
    if event.branch != facts.branch:
        return _ignored(f"It is the branch {event.branch}, and {facts.branch} is deployed.")
    if event.is_deleted:
        return _ignored(f"The branch {event.branch} was deleted. The site stays as it is.")
    if not event.commit:
        return _refused("Its commit is not 40 hexadecimal digits.")
    return None


def _about_time(event: Event, facts: Facts, now: datetime) -> Verdict | None:
    if facts.asked or event.pushed_at is None or now - event.pushed_at < STALE:
        return None
    return _ignored("A replay: it was pushed more than three days ago.")


def _ignored(reason: str) -> Verdict:
    return Verdict(outcome=Outcome.IGNORED, reason=reason)


def _refused(reason: str) -> Verdict:
    return Verdict(outcome=Outcome.REFUSED, reason=reason)
