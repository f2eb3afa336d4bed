"""Real payloads: npm @octokit/webhooks-examples 7.6.1 (MIT), packed by data/trim.py."""

from __future__ import annotations

import contextlib
import copy
import json
import lzma
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tools.github.payloads import Delivery, Review, Tick, delivery
from tools.github.port import Comment, Issue, Pull, Run, User
from zoo.core.errors import ZooError

PACKED = Path(__file__).parent / "data" / "payloads.json.xz"
EXAMPLES: dict[str, list[Any]] = {
    event["name"]: event["examples"] for event in json.loads(lzma.decompress(PACKED.read_bytes()))
}
CODERTOCAT = User(21031067, "Codertocat")


def first(event: str, action: str) -> Any:
    return copy.deepcopy(next(e for e in EXAMPLES[event] if e["action"] == action))


def test_every_real_payload_is_handled_or_ignored():
    assert (len(EXAMPLES), sum(map(len, EXAMPLES.values()))) == (58, 329)
    handled = Counter(
        (event, payload["action"], type(found.subject))
        for event, payloads in EXAMPLES.items()
        for payload in payloads
        if (found := delivery(event, payload)) is not None
    )
    assert handled == {
        ("issue_comment", "created", Comment): 5,
        ("issues", "opened", Issue): 4,
        ("issues", "edited", Issue): 3,
        ("pull_request", "opened", Pull): 4,
        ("pull_request", "synchronize", Pull): 1,
        ("pull_request", "closed", Pull): 2,
        ("pull_request_review", "submitted", Review): 3,
        ("workflow_run", "completed", Run): 3,
    }


def test_under_another_name_a_payload_is_refused_at_worst():
    handled = ["issue_comment", "issues", "pull_request", "pull_request_review", "workflow_run"]
    for event in [*handled, "schedule"]:
        for payloads in EXAMPLES.values():
            for payload in payloads:
                with contextlib.suppress(ZooError):
                    delivery(event, payload)


def test_a_comment():
    at = datetime(2019, 5, 15, 15, 20, 21, tzinfo=UTC)
    home = "https://github.com/Codertocat/Hello-World"
    body = "You are totally right! I'll get this fixed right away."
    assert delivery("issue_comment", first("issue_comment", "created")) == Delivery(
        "issue_comment",
        "created",
        "Codertocat/Hello-World",
        CODERTOCAT,
        Comment(492700400, 1, CODERTOCAT, body, at, at, f"{home}/issues/1#issuecomment-492700400"),
    )


@pytest.mark.parametrize("action", ["edited", "deleted"])
def test_a_comment_acts_only_once(action: str):
    assert delivery("issue_comment", first("issue_comment", action)) is None


def test_a_review_and_a_pull_request():
    review = delivery("pull_request_review", first("pull_request_review", "submitted"))
    assert review is not None
    commit = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
    assert review.subject == Review(237895671, 2, CODERTOCAT, commit)
    closed = first("pull_request", "closed")
    # The repository of a deleted fork is null.
    for repo, merged in [(None, True), (closed["pull_request"]["base"]["repo"], False)]:
        closed["pull_request"]["head"]["repo"], closed["pull_request"]["merged"] = repo, merged
        pull = delivery("pull_request", closed)
        assert pull is not None
        assert isinstance(pull.subject, Pull)
        assert (pull.subject.merged, pull.subject.is_open) == (merged, False)


def test_a_schedule():
    home = {"full_name": "o/r"}
    event = {"schedule": "7 * * * *", "repository": home, "sender": None}
    found = delivery("schedule", event)
    assert found is not None
    assert (found.subject, found.sender.login) == (Tick("7 * * * *"), "ghost")


@pytest.mark.parametrize(
    "payload", [None, [], "x", 1, {}, {"action": None}, {"action": ["created"]}]
)
def test_what_is_no_payload_is_ignored(payload: object):
    assert delivery("issue_comment", payload) is None


@pytest.mark.parametrize("part", ["comment", "repository", "sender"])
def test_a_payload_with_a_hole_is_refused_in_one_line(part: str):
    payload = {**first("issue_comment", "created")}
    del payload[part]
    with pytest.raises(ZooError, match=r"^'issue_comment created' is not as GitHub describes it"):
        delivery("issue_comment", payload)
