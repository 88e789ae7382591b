import pytest
from ecdeployer.commands import output
from ecdeployer.commands.models import Command, OutputPart
from pytest_django import DjangoAssertNumQueries


def test_pieces_are_read_from_any_place(command: Command) -> None:
    for text in ("one\n", "", "two\n", "three\n"):
        output.add(command, text)
    assert command.output_length == 14
    assert output.read(command.pk, 2, size=4) == ("e\ntw", 6)
    assert output.read(command.pk, 14, size=4) == ("", 14)
    assert output.tail(command, size=8) == "o\nthree\n"
    assert output.everything(command) == command.output == "one\ntwo\nthree\n"


def test_what_is_followed_keeps_its_end(command: Command) -> None:
    command.action, command.arguments = Command.Action.LOGS, {"whole": False, "follow": True}
    for number in range(30):
        output.add(command, f"{number:02}" + "x" * 20_000)
    assert OutputPart.objects.count() < 16
    assert output.tail(command, size=20_002).startswith("29x")
    text, following = output.read(command.pk, 100, size=30_000)
    assert text.startswith(output.CUT)
    assert following > 300_000


def test_a_report_writes_what_is_new_and_no_more(
    command: Command, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    output.add(command, "x" * 400_000)
    with django_assert_num_queries(2) as asked:
        output.add(command, "a line\n")
    assert max(len(query["sql"]) for query in asked.captured_queries) < 1000


@pytest.mark.parametrize("offset", [0, 5, 10**9])
def test_nothing_is_read_of_nothing(command: Command, offset: int) -> None:
    assert output.read(command.pk, offset, size=10) == ("", offset)
