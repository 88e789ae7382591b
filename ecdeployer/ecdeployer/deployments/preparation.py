"""The step ``preflight``: read the repository before anything costs money."""

import logging
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..applications.models import Application
from ..aws.errors import AWSError
from ..git import repository
from ..git.repository import Commit, GitError, RepositoryURLError
from ..preflight import sandbox
from ..preflight.facts import ReadOptions
from ..preflight.findings import Finding
from ..preflight.reading import Report
from ..preflight.sandbox import ReadingError
from . import access, deadlines, endings, news, releases, steps, texts
from .configuration import SETTINGS_MODULE, configuration_of
from .models import Deployment
from .states import StepName, StepState

logger = logging.getLogger(__name__)

#: For a repository that does not answer.
GIT_PATIENCE = timedelta(seconds=60)
UNREADABLE = "The repository could not be read within the limits of time and memory."


def begin(deployment: Deployment) -> None:
    now = timezone.now()
    deployment.deadline = now + deadlines.of([StepName.PREFLIGHT])
    deployment.save(update_fields=["deadline"])
    steps.begin(deployment, StepName.PREFLIGHT, at=now)


def read_repository(deployment: Deployment) -> timedelta | None:
    """Clone, read, and keep what was found. When to look again; None once the deployment has ended."""
    try:
        with tempfile.TemporaryDirectory(prefix="ecdeployer-") as directory:
            commit, report = _read(deployment, Path(directory) / "repository")
    except RepositoryURLError as error:
        _fail(deployment, code="repository-refused", reason=str(error))
        return None
    except GitError as error:
        return _git_failed(deployment, error)
    except AWSError as error:
        logger.warning("deployment %s: %s", deployment.pk, error.operator)
        refused = GitError(f"aws-{error.kind}", error.person, retryable=error.retryable)
        return _git_failed(deployment, refused)
    except ReadingError as error:
        logger.warning("deployment %s: %s", deployment.pk, error)
        _fail(deployment, code="preflight-unreadable", reason=UNREADABLE)
        return None
    _keep(deployment, commit, report)
    if _is_live_already(deployment):
        reason = f"Commit {commit.sha[:12]} is live already, with the environment that it has now."
        endings.skip(deployment, code="already-live", reason=reason)
        return None
    errors = [finding for finding in report.findings if finding.level == "error"]
    if errors or report.facts is None:
        _refuse(deployment, errors)
        return None
    with transaction.atomic():
        steps.end(deployment, StepName.PREFLIGHT, StepState.SUCCEEDED, message=_summary(report))
        news.begun(deployment)
    return timedelta(0)


def _read(deployment: Deployment, tree: Path) -> tuple[Commit, Report]:
    application = deployment.application
    source, key = access.source_of(application), access.key_of(application)
    sha = deployment.base_sha if deployment.of_live else deployment.commit_sha
    commit = repository.clone(source, branch=application.branch, commit=sha, destination=tree, key=key)
    options = ReadOptions(
        machine_python=settings.MACHINE_PYTHON,
        python_downloads=settings.PYTHON_DOWNLOADS,
        allow_root_manage=settings.ACCEPT_ROOT_MANAGE,
    )
    report = sandbox.read_in_child(
        tree,
        project_name=application.project_name,
        environment=set(application.environment.values_list("name", flat=True)),
        settings_module=_chosen_settings(application),
        options=options,
    )
    return commit, report


def _chosen_settings(application: Application) -> str:
    """The developer's answer to the question which settings module it is."""
    chosen = application.environment.filter(name=SETTINGS_MODULE).first()
    return chosen.value.strip() if chosen else ""


def _keep(deployment: Deployment, commit: Commit, report: Report) -> None:
    deployment.branch = commit.branch
    deployment.commit_sha = commit.sha
    deployment.commit_subject = texts.clean(commit.subject)[:300]
    deployment.commit_author = texts.clean(commit.author)[:200]
    deployment.committed_at = commit.committed_at
    deployment.findings = [_shown(finding.to_dict()) for finding in report.findings]
    deployment.facts = report.facts.to_dict() if report.facts else {}
    deployment.configuration = configuration_of(deployment)
    pinned = ["branch", "commit_sha", "commit_subject", "commit_author", "committed_at", "configuration"]
    deployment.save(update_fields=[*pinned, "findings", "facts"])


def _is_live_already(deployment: Deployment) -> bool:
    """Whether it would change nothing; who wants that says so (``again``)."""
    live = releases.live(deployment.application)
    if deployment.again or live is None or live.instance_id != deployment.instance_id:
        return False
    if releases.unfound(live) is not None:
        return False
    names = ("commit_sha", "configuration")
    return all(getattr(live, name) == getattr(deployment, name) for name in names)


def _shown(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding quotes the repository."""
    return {name: texts.clean(value) if isinstance(value, str) else value for name, value in finding.items()}


def _refuse(deployment: Deployment, errors: list[Finding]) -> None:
    if not errors:
        _fail(deployment, code="preflight-unreadable", reason=UNREADABLE)
        return
    first, others = errors[0], len(errors) - 1
    more = f" (and {others} more)" if others else ""
    reason = texts.clean(first.message) + more
    _fail(deployment, code=first.code, reason=reason, remedy=texts.clean(first.remedy))


def _git_failed(deployment: Deployment, error: GitError) -> timedelta | None:
    step = deployment.steps.get(name=StepName.PREFLIGHT)
    waited = timezone.now() - (step.started_at or timezone.now())
    if error.log:
        deployment.steps.filter(pk=step.pk).update(log=texts.clean(error.log)[: texts.HEAD])
    if not error.retryable or waited > GIT_PATIENCE:
        _fail(deployment, code=error.code, reason=error.message)
        return None
    steps.tell(deployment, StepName.PREFLIGHT, f"{error.message} This is tried again by itself.")
    return min(max(waited, timedelta(seconds=2)), timedelta(seconds=20))


def _fail(deployment: Deployment, *, code: str, reason: str, remedy: str = "") -> None:
    endings.fail(deployment, StepName.PREFLIGHT, code=code, reason=reason, remedy=remedy)


def _summary(report: Report) -> str:
    counts = {
        level: sum(finding.level == level for finding in report.findings) for level in ("warning", "note")
    }
    found = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count]
    return ", ".join(found)
