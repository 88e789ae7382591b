import pytest
from ecdeployer.alerts import outbox
from ecdeployer.alerts.models import AlertSettings, Notification
from ecdeployer.applications.models import Application
from ecdeployer.deployments import endings, news
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import DeploymentState, StepName

from tests.portal_records import make_deployment

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(application: Application) -> Deployment:
    instance = application.instances.get()
    return make_deployment(instance, DeploymentState.RUNNING, at=StepName.HEALTH, kind=Deployment.Kind.LATER)


def told() -> list[tuple[str, str]]:
    return sorted(Notification.objects.values_list("channel", "key"))


def test_an_end_and_its_messages_are_one_transaction(rules: AlertSettings, running: Deployment) -> None:
    assert endings.succeed(running)
    end = f"deployment {running.pk} succeeded"
    assert told() == [
        ("email", end),
        ("status", f"deployment {running.pk} success"),
        ("webhook", end),
    ]
    status = Notification.objects.get(channel="status").payload
    assert status["context"] == "EC Django Deployer / bakery"
    assert status["target_url"].endswith(f"/deployments/{running.pk}/")


def test_a_transaction_that_fails_tells_nobody(
    rules: AlertSettings, running: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "tell", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        endings.fail(running, StepName.HEALTH, code="health-status", reason="no")
    assert Deployment.objects.get(pk=running.pk).state == DeploymentState.RUNNING
    assert told() == []


@pytest.mark.parametrize(
    ("wanted", "state", "count"),
    [
        ("failed", "failed", 2), ("failed", "succeeded", 0),
        ("all", "failed", 2), ("all", "succeeded", 2), ("all", "cancelled", 0),
        ("none", "failed", 0), ("none", "succeeded", 0),
    ],
)  # fmt: skip
def test_the_owner_chooses_what_is_told(
    rules: AlertSettings, running: Deployment, wanted: str, state: str, count: int
) -> None:
    AlertSettings.objects.update(deployments=wanted)
    if state == "succeeded":
        endings.succeed(running)
    elif state == "failed":
        endings.fail(running, StepName.HEALTH, code="health-status", reason="It answers 500. " * 30)
    else:
        endings.cancel(running, reason="Somebody said so.")
    assert Notification.objects.exclude(channel="status").count() == count
    assert Notification.objects.filter(channel="status").count() == 1
    assert len(Notification.objects.get(channel="status").payload["description"]) <= 140


def test_what_begins_is_pending_once(rules: AlertSettings, running: Deployment) -> None:
    news.begun(running)
    news.begun(running)
    assert told() == [("status", f"deployment {running.pk} pending")]


def test_without_a_choice_the_owner_is_mailed_what_failed(
    application: Application, running: Deployment
) -> None:
    news.begun(running)
    endings.fail(running, StepName.HEALTH, code="health-status", reason="It answers 500.")
    assert told() == [("email", f"deployment {running.pk} failed")]
