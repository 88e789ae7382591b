import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.applications.models import Application
from ecdeployer.instances.models import Address, GoldenImage, Instance
from ecdeployer.instances.states import InstanceState
from ecdeployer.machines import actions
from ecdeployer.machines.models import Change
from pytest_django import DjangoAssertNumQueries


def page(name: str, application: Application) -> str:
    return reverse(f"machines:{name}", args=[application.pk])


def test_the_machine_with_its_price_and_images(
    visitor: Client, bakery: Application, instance: Instance
) -> None:
    GoldenImage.objects.create(ami_id=instance.ami_id, name="g", base_ami_id="ami-0", script_sha256="0" * 64)
    GoldenImage.objects.create(ami_id="ami-newer", name="h", base_ami_id="ami-0", script_sha256="1" * 64)
    text = visitor.get(page("machine", bakery)).content.decode()
    assert str(instance.ec2_id) in text
    assert "$13.38 a month" in text
    assert "the newest is ami-newer" in text
    assert "changes at a stop" in text
    assert page("stop", bakery) in text
    assert page("start", bakery) not in text


def test_an_address_that_stays_is_said_to(visitor: Client, bakery: Application, instance: Instance) -> None:
    address = Address.objects.create(
        application=bakery, instance=instance, allocation_id="e-1", public_ip=instance.public_ip
    )
    address.leads_at = instance.launched_at
    address.save()
    assert "Elastic IP: it stays" in visitor.get(page("machine", bakery)).content.decode()
    assert "stays the site" in visitor.get(page("stop", bakery)).content.decode()


def test_why_there_is_none_is_said_with_what_to_do(
    visitor: Client, bakery: Application, instance: Instance
) -> None:
    Address.objects.create(application=bakery, instance=instance, refused="The quota is used up.")
    text = visitor.get(page("machine", bakery)).content.decode()
    assert "The quota is used up. The next deployment asks for one again." in text


@pytest.mark.parametrize("kind", ["stop", "reboot"])
def test_it_is_said_first_and_done_then(visitor: Client, bakery: Application, kind: str) -> None:
    before = visitor.get(page(kind, bakery)).content.decode()
    assert "does not answer" in before
    assert not Change.objects.exists()
    answer = visitor.post(page(kind, bakery))
    assert answer.headers["Location"] == page("machine", bakery)
    assert Change.objects.get().kind == kind


def test_a_stop_says_what_it_saves(visitor: Client, bakery: Application) -> None:
    text = visitor.get(page("stop", bakery)).content.decode()
    assert "$1.41 a month while it is stopped, in place of $13.38" in text


def test_a_stopped_machine_is_started(visitor: Client, bakery: Application) -> None:
    Instance.objects.update(state=InstanceState.STOPPED)
    assert page("start", bakery) in visitor.get(page("machine", bakery)).content.decode()
    visitor.post(page("start", bakery))
    assert Change.objects.get().kind == "start"


def test_types_to_choose_with_what_they_cost(visitor: Client, bakery: Application) -> None:
    text = visitor.get(page("resize", bakery)).content.decode()
    assert "one or two minutes" in text
    assert "more" in text
    visitor.post(page("resize", bakery), {"instance_type": "t3.small"})
    assert Change.objects.get().to_type == "t3.small"


def test_a_refusal_is_shown(visitor: Client, bakery: Application) -> None:
    answer = visitor.post(page("resize", bakery), {"instance_type": "no-such"}, follow=True)
    assert "Found &#x27;no-such&#x27;" in answer.content.decode()


def test_while_it_is_under_way_the_page_asks_and_offers_nothing(visitor: Client, bakery: Application) -> None:
    actions.stop(bakery, by=bakery.owner)
    Change.objects.update(note="The machine shuts down.")
    text = visitor.get(page("machine", bakery)).content.decode()
    assert "The machine shuts down." in text
    assert page("stop", bakery) not in text
    first = visitor.get(page("live", bakery))
    again = visitor.get(page("live", bakery), headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    Change.objects.update(state="failed", reason="It did not end in time.")
    last = visitor.get(page("live", bakery))
    assert last.status_code == 286
    assert "It did not end in time." in last.content.decode()


def test_the_number_of_queries_is_fixed(
    visitor: Client, bakery: Application, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(9):
        visitor.get(page("machine", bakery))
