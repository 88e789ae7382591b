"""The private half in Parameter Store, from its making to its end."""

import pytest
from django.utils import timezone
from ecdeployer.applications import actions
from ecdeployer.applications import deploy_keys as asking
from ecdeployer.applications.models import Application
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.instances import deploy_keys, provisioning, reconcile, termination
from ecdeployer.instances.models import Instance

pytestmark = pytest.mark.django_db


@pytest.fixture
def launched(account: AWS, instance: Instance) -> Instance:
    provisioning.launch(instance, render=lambda: b"user data")
    instance.refresh_from_db()
    return instance


def readers(aws: AWS, application: Application) -> list[str]:
    name = deploy_keys.path(application)
    listed = aws.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    return [tag["Value"] for tag in listed if tag["Key"] == "ecdeployer:instance"]


def test_it_is_a_secure_string_below_the_applications_path(account: AWS, instance: Instance) -> None:
    deploy_keys.write(instance.application, "private half")
    name = f"/sites/{instance.application_id}/deploy-key"
    found = account.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (found["Type"], found["Value"]) == ("SecureString", "private half")
    assert deploy_keys.read(instance.application) == "private half"


def test_no_machine_may_read_it_before_it_is_shared_and_then_one(account: AWS, launched: Instance) -> None:
    deploy_keys.write(launched.application, "one")
    assert readers(account, launched.application) == []
    for _ in range(2):
        deploy_keys.share(launched)
    [reader] = readers(account, launched.application)
    assert reader.endswith(f":instance/{launched.ec2_id}")
    # A new pair is the same machine's.
    deploy_keys.write(launched.application, "two")
    assert readers(account, launched.application) == [reader]
    assert deploy_keys.read(launched.application) == "two"


def test_what_there_is_not_is_an_error_that_says_so(account: AWS, launched: Instance) -> None:
    for ask in (lambda: deploy_keys.read(launched.application), lambda: deploy_keys.share(launched)):
        with pytest.raises(AWSError) as caught:
            ask()
        assert caught.value.kind == "not-found"
    assert deploy_keys.delete(launched.application) == 0


def test_each_takes_one_call(account: AWS, launched: Instance, calls: list[str]) -> None:
    deploy_keys.write(launched.application, "one")
    deploy_keys.read(launched.application)
    deploy_keys.delete(launched.application)
    assert calls == ["PutParameter", "GetParameter", "DeleteParameters"]


def test_it_outlives_its_instance_and_ends_with_its_application(account: AWS, launched: Instance) -> None:
    application = launched.application
    asking.make(application, by=None)
    termination.terminate(launched)
    reconcile.sweep()
    assert termination.terminate(launched)
    assert deploy_keys.read(application)

    actions.terminate(application, by=None)
    launched.application.refresh_from_db()
    assert not termination.terminate(launched)
    assert launched.ledger.get(kind="deploy-key").gone_at is None
    assert termination.terminate(launched)
    assert launched.ledger.get(kind="deploy-key").gone_at
    with pytest.raises(AWSError):
        deploy_keys.read(application)


def test_that_of_an_application_that_never_had_a_machine_goes_too(account: AWS, instance: Instance) -> None:
    asking.make(instance.application, by=None)
    Instance.objects.update(state="failed", terminated_at=timezone.now())
    actions.terminate(instance.application, by=None)
    instance.refresh_from_db()
    termination.terminate(instance)
    assert termination.terminate(instance)
    assert deploy_keys.delete(instance.application) == 0
