"""Rounds over many machines, with what Run Command answers given."""

from datetime import timedelta

import pytest
import time_machine
from botocore.stub import Stubber
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.aws import questions
from ecdeployer.aws.documents import Document
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.figures import collecting
from ecdeployer.figures.lines import KEPT, minute_of
from ecdeployer.figures.models import Gauge, Question, Sample
from ecdeployer.instances import run_documents
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState

from tests.portal_records import make_live

from .conftest import RunCommand

pytestmark = pytest.mark.django_db


def lines(*back: int, rest: str = "10.0 20.0 30.0 5 1 8 90") -> str:
    now = minute_of(timezone.now())
    return "\n".join(f"{now - each} {rest}" for each in sorted(back, reverse=True))


def a_round(run_command: RunCommand) -> None:
    """Ask, and read half a minute later."""
    collecting.collect()
    Question.objects.update(sent_at=timezone.now() - timedelta(seconds=30))
    collecting.collect()


def test_a_machine_that_serves_is_asked_from_the_beginning_of_what_it_keeps(
    run_command: RunCommand, instance: Instance
) -> None:
    run_command.texts[str(instance.ec2_id)] = lines(3, 2, 1)
    a_round(run_command)
    [(ec2_ids, since)] = run_command.asked
    assert ec2_ids == [instance.ec2_id]
    assert abs(since - (minute_of(timezone.now()) - KEPT)) <= 1
    assert Sample.objects.count() == 3
    assert instance.gauge.minute == minute_of(timezone.now()) - 1
    assert not Question.objects.exists()


def test_the_next_round_asks_for_what_is_new_alone_and_not_before_its_time(
    run_command: RunCommand, instance: Instance
) -> None:
    run_command.texts[str(instance.ec2_id)] = lines(2, 1)
    a_round(run_command)
    collecting.collect()
    assert len(run_command.asked) == 1
    known = Gauge.objects.get().minute
    with time_machine.travel(timezone.now() + collecting.EVERY):
        collecting.collect()
    assert run_command.asked[1][1] == known + 1


def test_an_answer_that_is_read_twice_counts_once(run_command: RunCommand, instance: Instance) -> None:
    run_command.texts[str(instance.ec2_id)] = text = lines(2, 1)
    a_round(run_command)
    Gauge.objects.update(minute=0)
    answer = questions.Answer(ec2_id=str(instance.ec2_id), status="Success", output=text)
    collecting.keep([answer], now=timezone.now())
    assert Sample.objects.count() == 2


def test_a_gap_is_filled_hour_by_hour_without_a_pause(run_command: RunCommand, instance: Instance) -> None:
    run_command.texts[str(instance.ec2_id)] = lines(*range(200, 140, -1))
    a_round(run_command)
    run_command.texts[str(instance.ec2_id)] = lines(*range(140, 80, -1))
    a_round(run_command)
    assert len(run_command.asked) >= 2
    assert run_command.asked[1][1] == minute_of(timezone.now()) - 140
    assert Sample.objects.count() >= 119


def test_a_machine_that_has_not_answered_yet_is_waited_for_and_then_given_up(
    run_command: RunCommand, instance: Instance
) -> None:
    run_command.texts[str(instance.ec2_id)] = None
    a_round(run_command)
    assert Question.objects.count() == 1
    Question.objects.update(sent_at=timezone.now() - collecting.LOST * 2)
    collecting.read_answers()
    assert not Question.objects.exists()
    assert not Sample.objects.exists()


def test_machines_that_do_not_run_are_not_asked(run_command: RunCommand, instance: Instance) -> None:
    Instance.objects.update(state=InstanceState.STOPPED)
    collecting.collect()
    assert run_command.asked == []


def test_fifty_machines_cost_two_calls_and_a_fixed_number_of_queries(
    run_command: RunCommand, person: User
) -> None:
    counted = []
    for number in range(50):
        instance = make_live(person, name=f"site-{number}").instance
        run_command.texts[str(instance.ec2_id)] = lines(3, 2, 1)
        if number in (4, 49):
            Gauge.objects.all().delete()
            Sample.objects.all().delete()
            run_command.asked.clear()
            run_command.reads = 0
            with CaptureQueriesContext(connection) as queries:
                a_round(run_command)
            assert (len(run_command.asked), run_command.reads) == (1, 1)
            counted.append(len([q for q in queries if "SAVEPOINT" not in q["sql"]]))
    assert Sample.objects.count() == 150
    # SQLite takes the rows of fifty machines in two statements.
    assert counted[1] - 1 <= counted[0] <= 17


def test_machines_whose_times_are_far_apart_are_asked_apart() -> None:
    gauges = [Gauge(minute=minute) for minute in [0, *[100] * 60, 120, 140]]
    sizes = [len(batch) for batch in collecting.batches(gauges)]
    assert sizes == [1, 50, 11, 1]


def test_what_aws_refuses_is_asked_again_in_the_next_round(
    run_command: RunCommand, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise AWSError(code="ThrottlingException", message="", retryable=True)

    monkeypatch.setattr(questions, "ask", refuse)
    collecting.collect()
    assert not Question.objects.exists()
    assert Gauge.objects.get().due_at > timezone.now()


def test_a_machine_whose_agent_is_silent_is_left_out(
    monkeypatch: pytest.MonkeyPatch, instance: Instance
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    connection = AWS("eu-west-1")
    monkeypatch.setattr(collecting, "aws", lambda: connection)
    monkeypatch.setattr(run_documents, "find", lambda *_: Document("ecdeployer-figures", "1"))
    with Stubber(connection.ssm) as stub:
        stub.add_client_error("send_command", "InvalidInstanceId")
        stub.add_response("describe_instance_information", {"InstanceInformationList": []})
        collecting.collect()
        stub.assert_no_pending_responses()
    assert not Question.objects.exists()
