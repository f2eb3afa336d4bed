"""The ledger: append-only, one writer at a time, whole after a crash."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tools.process.ledger import events as ev
from tools.process.ledger import file as ledger_module
from tools.process.ledger.file import Ledger, writing
from tools.process.ledger.lines import Malformed, from_line, to_line
from tools.process.tests.walk import PROPOSAL, START
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER


def event(number: int, payload: ev.Payload = PROPOSAL) -> ev.Event:
    return ev.Event(f"e{number}", "toy", START, "@dev-one", "developer", "c" * 40, payload)


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "reviews" / "toy" / "events.jsonl")
    for number in range(3):
        made.append(event(number))
    return made


def test_what_is_appended_is_read(ledger):
    assert ledger.read() == [event(0), event(1), event(2)]


@pytest.mark.parametrize(
    "payload", [PROPOSAL, ev.Held("ü\n“x”\u2028y"), ev.SignedOff("a/F01", "x")]
)
def test_a_line_is_the_event_and_nothing_else(payload):
    line = to_line(event(1, payload), "abc")
    assert line.count("\n") == 1
    assert from_line(line) == (event(1, payload), "abc")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 2}, "schema 2 is unknown: this zoo reads schema 1"),
        ({"type": "approve"}, "unknown event 'approve': did you mean 'approved'"),
        ({"at": "2026-10-01"}, "'at' is no UTC time"),
        ({"actor": 7}, "'actor' is not text"),
        ({"role": "king"}, "unknown role 'king'"),
        ({"extra": 1}, "exactly the keys"),
        ({"data": []}, "'data' is not a mapping"),
        ({"data": {"titel": ""}}, "unknown key 'titel': did you mean 'title'"),
        ({"data": {}}, "the key 'title' is missing"),
    ],
)
def test_a_line_is_read_strictly(change, says):
    document = {**json.loads(to_line(event(1), "")), **change}
    with pytest.raises(Malformed, match="(?s)" + says.replace("(", r"\(")):
        from_line(json.dumps(document))


def test_wrong_types_of_data_are_refused():
    document = json.loads(to_line(event(1), ""))
    for key, value in (("title", 1), ("team", "x"), ("team", [1]), ("claims", {"a": 1})):
        wrong = {**document, "data": {**document["data"], key: value}}
        with pytest.raises(Malformed, match=f"'{key}' has the wrong type"):
            from_line(json.dumps(wrong))


def test_an_edited_line_is_found_by_the_next(ledger):
    text = ledger.path.read_text()
    ledger.path.write_text(text.replace("A toy", "A boy", 1))
    with pytest.raises(
        ZooError, match=r"reviews/toy/events.jsonl:2: the line before it was changed"
    ):
        ledger.read()
    lines = text.splitlines(keepends=True)
    ledger.path.write_text(lines[0] + lines[2])
    with pytest.raises(ZooError, match=r"events.jsonl:2: the line before it was changed"):
        ledger.read()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data.replace(b"\n", b"\r\n"), "events.jsonl:1: a carriage return"),
        (lambda data: data.replace(b"A toy", b"A t\xffy", 1), "events.jsonl:1: not UTF-8"),
        (lambda data: b"\xef\xbb\xbf" + data, "events.jsonl:1: not JSON"),
        (lambda data: data + b"hello\n", "events.jsonl:4: not JSON"),
    ],
)
def test_damage_is_named_with_its_line(ledger, damage, says):
    ledger.path.write_bytes(damage(ledger.path.read_bytes()))
    with pytest.raises(ZooError, match=says):
        ledger.read()


def test_a_torn_line_is_cut_off_by_the_next_write(ledger):
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + b'{"schema": 1, "id"')
    assert len(ledger.read()) == 3  # what was never complete never happened
    ledger.append(event(3))
    assert ledger.read() == [event(n) for n in range(4)]
    ledger.path.write_bytes(whole + b"x")
    assert ledger.mend()
    assert ledger.path.read_bytes() == whole
    assert not ledger.mend()


WRITER = """
import sys
from pathlib import Path
from tools.process.ledger.file import Ledger, writing
from tools.process.tests.test_ledger import event
folder, count = Path(sys.argv[1]), int(sys.argv[2])
ledger = Ledger(folder / "toy" / "events.jsonl")
for number in range(count):
    with writing(folder):
        ledger.append(event(number))
"""


def writer(folder, count):
    environment = {**os.environ, "PYTHONPATH": str(ZOO_FOLDER.parent)}
    command = [sys.executable, "-c", WRITER, str(folder), str(count)]
    return subprocess.Popen(command, env=environment, cwd=ZOO_FOLDER.parent)


def test_two_writers_lose_nothing(tmp_path):
    both = [writer(tmp_path, 40), writer(tmp_path, 40)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(Ledger(tmp_path / "toy" / "events.jsonl").read()) == 80


def test_a_killed_writer_leaves_a_whole_ledger_and_no_lock(tmp_path):
    path = tmp_path / "toy" / "events.jsonl"
    process = writer(tmp_path, 100_000)
    until = time.monotonic() + 60
    while not (path.is_file() and path.stat().st_size > 5_000):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(Ledger(path).read())
    with writing(tmp_path):
        Ledger(path).append(event(0))
    assert len(Ledger(path).read()) == before + 1


def test_a_second_writer_waits_and_then_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_module, "PATIENCE", 0.05)
    with (
        writing(tmp_path),
        pytest.raises(ZooError, match="another zoo command is writing"),
        writing(tmp_path),
    ):
        pass


def test_a_ledger_that_is_no_file_is_named(tmp_path):
    (tmp_path / "events.jsonl").mkdir()
    with pytest.raises(ZooError, match=r"^cannot read .*/events.jsonl: Is a directory$"):
        Ledger(tmp_path / "events.jsonl").read()
