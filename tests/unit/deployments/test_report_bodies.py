import json
from typing import Any

import pytest
from ecdeployer.deployments.report_bodies import parse
from ecdeployer.machine_reports import ReportError
from hypothesis import given
from hypothesis import strategies as st

EVENT = {"number": 1, "step": "clone", "state": "running", "at": 1763679600.1, "message": ""}
LOG = {"step": "install", "offset": 0, "next": 4, "text": "abc\n"}
FLAG = {"kind": "drop", "text": "Drops the column price of shop_product."}
MIGRATION = {"app": "shop", "name": "0002_m", "operations": ["Remove"], "flags": [FLAG], "reversible": True}
RESULT = {"state": "failed", "step": "install", "reason": "No.", "code": "install-failed"}


def body(**parts: Any) -> bytes:
    return json.dumps({"events": [], "logs": [], "changes": [], "result": None} | parts).encode()


def test_a_whole_report_is_read() -> None:
    change = {"setting": "DEBUG", "from": "True", "to": "False", "why": "production"}
    report = parse(body(events=[EVENT], logs=[LOG], changes=[change], result=RESULT))
    assert report.events[0].step == "clone"
    assert report.logs[0].next == 4
    assert report.changes == (change,)
    assert report.result is not None
    assert report.result.code == "install-failed"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"events": NaN}',
        body(more=1),
        body(events={}),
        body(events=[EVENT] * 201),
        body(events=[EVENT, EVENT]),
        body(events=[{**EVENT, "number": 2}, EVENT]),
        body(events=[{**EVENT, "number": 0}]),
        body(events=[{**EVENT, "number": True}]),
        body(events=[{**EVENT, "number": 1.0}]),
        body(events=[{**EVENT, "step": "preflight"}]),
        body(events=[{**EVENT, "step": ["clone"]}]),
        body(events=[{**EVENT, "state": "pending"}]),
        body(events=[{**EVENT, "at": 1e300}]),
        body(events=[{**EVENT, "at": "now"}]),
        body(events=[{**EVENT, "message": None}]),
        body(events=[{**EVENT, "more": 1}]),
        body(events=[{"number": 1}]),
        body(logs=[{**LOG, "offset": -1}]),
        body(logs=[{**LOG, "next": 0}]),
        body(logs=[{**LOG, "next": 1 << 50}]),
        body(logs=[{**LOG, "next": 1 << 30}]),
        body(logs=[{**LOG, "text": 1}]),
        body(changes=["DEBUG"]),
        body(plan={}),
        body(plan=[MIGRATION] * 501),
        body(plan=["shop.0002"]),
        body(plan=[{**MIGRATION, "more": 1}]),
        body(plan=[{"app": "shop"}]),
        body(plan=[{**MIGRATION, "app": None}]),
        body(plan=[{**MIGRATION, "name": "a\nb"}]),
        body(plan=[{**MIGRATION, "name": "\u202eabc"}]),
        body(plan=[{**MIGRATION, "name": "x" * 256}]),
        body(plan=[{**MIGRATION, "reversible": 1}]),
        body(plan=[{**MIGRATION, "operations": "Remove"}]),
        body(plan=[{**MIGRATION, "operations": ["x"] * 51}]),
        body(plan=[{**MIGRATION, "operations": [1]}]),
        body(plan=[{**MIGRATION, "flags": [{**FLAG, "kind": "harmless"}]}]),
        body(plan=[{**MIGRATION, "flags": [{**FLAG, "kind": ["drop"]}]}]),
        body(plan=[{**MIGRATION, "flags": [{"kind": "drop"}]}]),
        body(plan=[{**MIGRATION, "flags": [FLAG] * 51}]),
        body(result={**RESULT, "state": "running"}),
        body(result={**RESULT, "step": "launch"}),
        body(result={**RESULT, "code": "<b>"}),
        body(result=[]),
    ],
)
def test_anything_else_is_refused(bad: bytes) -> None:
    with pytest.raises(ReportError):
        parse(bad)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
)
def test_no_value_anywhere_raises_another_error(value: Any) -> None:
    for name in EVENT:
        try:
            parse(json.dumps({"events": [{**EVENT, name: value}]}).encode())
        except ReportError:
            continue


def test_a_plan_is_read_and_its_text_cleaned() -> None:
    assert parse(body()).plan is None
    assert parse(body(plan=None)).plan is None
    assert parse(body(plan=[])).plan == ()
    assert parse(body(plan=[MIGRATION])).plan == (MIGRATION,)
    hostile = {**MIGRATION, "operations": ["\x1b[31mred\x00"], "flags": [{**FLAG, "text": "x" * 2000}]}
    (found,) = parse(body(plan=[hostile])).plan or ()
    assert found["operations"] == ["red"]
    assert len(found["flags"][0]["text"]) == 1000


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
)
def test_no_value_of_a_plan_raises_another_error(value: Any) -> None:
    for item in [{**MIGRATION, name: value} for name in MIGRATION] + [
        {**MIGRATION, "flags": [{**FLAG, name: value}]} for name in FLAG
    ]:
        try:
            parse(json.dumps({"plan": [item]}).encode())
        except ReportError:
            continue


def test_text_is_cleaned_and_cut() -> None:
    text = "\x1b[31mred\x1b[0m\x00\r\nnext\x07\ud800" + "x" * 2000
    message = parse(body(events=[{**EVENT, "message": text}])).events[0].message
    assert message.startswith("red\nnext?x")
    assert len(message) < 1000
