from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from tools.github.client import Client
from tools.github.port import GitHub
from tools.github.tests.contract import Breach, contract
from tools.github.tests.server import BASE, BEGIN, Server, answer

SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
# Each method of the port: a call, and what it asks of GitHub.
CALLS: dict[str, tuple[Callable[[Client], object], list[str]]] = {
    "me": (lambda c: c.me(), ["users/get-authenticated"]),
    "permission": (
        lambda c: c.permission("dev-one"),
        ["repos/get-collaborator-permission-level"],
    ),
    "user": (lambda c: c.user("github-actions[bot]"), ["users/get-by-username"]),
    "issue": (lambda c: c.issue(1), ["issues/get"]),
    "issues": (
        lambda c: list(c.issues(["a b", "c&d"], only_open=False)),
        ["issues/list-for-repo"],
    ),
    "pull": (lambda c: c.pull(1), ["pulls/get"]),
    "pulls_with_head": (lambda c: c.pulls_with_head(SHA), ["pulls/list"]),
    "changed_files": (
        lambda c: c.changed_files(SHA, "f" * 40),
        ["repos/compare-commits-with-basehead"],
    ),
    "file_text": (
        lambda c: c.file_text("zoo/vae/a b?#%2F.md", SHA),
        ["repos/get-content"],
    ),
    "comment": (lambda c: c.comment(1), ["issues/get-comment"]),
    "comments": (lambda c: list(c.comments(1)), ["issues/list-comments"]),
    "comments_since": (
        lambda c: list(c.comments_since(BEGIN)),
        ["issues/list-comments-for-repo"],
    ),
    "create_comment": (lambda c: c.create_comment(1, "Hello"), ["issues/create-comment"]),
    "update_comment": (lambda c: c.update_comment(1, "Hello"), ["issues/update-comment"]),
    "react": (lambda c: c.react(1, "rocket"), ["reactions/create-for-issue-comment"]),
    "reactions": (lambda c: c.reactions(1), ["reactions/list-for-issue-comment"]),
    "set_labels": (
        lambda c: (c.set_labels(1, ["in review"]), c.set_labels(1, [])),
        ["issues/set-labels", "issues/update"],
    ),
    "set_milestone": (
        lambda c: (c.set_milestone(1, "v1.0"), c.set_milestone(1, None)),
        ["issues/list-milestones", "issues/update", "issues/update"],
    ),
    "inline_comments": (lambda c: c.inline_comments(1), ["pulls/list-review-comments"]),
    "review_bodies": (lambda c: c.review_bodies(1), ["pulls/list-reviews"]),
    "check": (lambda c: c.check(SHA, "Verdict"), ["checks/list-for-ref"]),
    "merge": (lambda c: c.merge(1, SHA, "Merge it"), ["pulls/merge"]),
    "create_issue": (lambda c: c.create_issue("Late", "Who", ["late"]), ["issues/create"]),
    "close_issue": (lambda c: c.close_issue(1), ["issues/update"]),
    "run": (lambda c: c.run(1), ["actions/get-workflow-run"]),
    "artifacts": (lambda c: c.artifacts(1), ["actions/list-workflow-run-artifacts"]),
    "download_artifact": (
        lambda c: c.download_artifact(1, 10),
        ["actions/download-artifact", "https://blobs.example/1?signature=x"],
    ),
    "ensure_label": (
        lambda c: c.ensure_label("late", "#FF0000", "Late"),
        ["issues/get-label", "issues/update-label"],
    ),
    "ensure_milestone": (
        lambda c: (c.ensure_milestone("v1.0", BEGIN), c.ensure_milestone("v1", BEGIN)),
        [
            "issues/list-milestones",
            "issues/update-milestone",
            "issues/list-milestones",
            "issues/create-milestone",
        ],
    ),
}


def test_every_method_of_the_port_is_called_below():
    port = {name for name in vars(GitHub) if not name.startswith("_")}
    assert set(CALLS) == port


@pytest.mark.parametrize("name", CALLS)
def test_what_a_method_asks_is_what_github_describes(server: Server, name: str):
    call, expected = CALLS[name]
    blob = "https://blobs.example/1?signature=x"
    server.plan("actions/download-artifact", httpx.Response(302, headers={"location": blob}))
    server.redirect_to(blob, httpx.Response(200, content=b"PK"))
    server.plan("repos/get-content", answer("repos/get-content", content="SGVsbG8="))
    client = server.client()
    call(client)
    assert server.asked() == expected
    assert client.calls == len([asked for asked in expected if "blobs" not in asked])


# Where GitHub's examples do not keep to its description.
WORDLESS = (
    "actions/download-artifact",
    "actions/set-github-actions-default-workflow-permissions-repository",
)
LAPSES = {
    "repos/get-collaborator-permission-level": "$.user 'role_name' is a required property",
    "pulls/get": "$.requested_teams[0] 'type' is a required property",
    "pulls/list": "$[0].requested_teams[0] 'type' is a required property",
    "repos/get": "$ 'language' is a required property",
    "repos/update": "$ 'has_discussions' is a required property",
    "repos/get-repo-rulesets": "$[1].enforcement 'enabled' is not one of "
    "['disabled', 'active', 'evaluate']",
}


@pytest.mark.parametrize("name", contract().operations)
def test_githubs_examples_fit_its_own_description(name: str):
    operation = contract().operations[name]
    example = contract().example(operation)
    if example is None:
        assert name in WORDLESS
    elif name in LAPSES:
        with pytest.raises(Breach) as breach:
            contract().judge_answer(operation, example)
        assert str(breach.value).endswith(LAPSES[name])
    else:
        contract().judge_answer(operation, example)


COMMENTS = "/repos/o/r/issues/1/comments"


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("POST", COMMENTS, {"body": "x", "bdoy": "y"}, "'bdoy' was unexpected"),
        ("POST", COMMENTS, {}, "'body' is a required property"),
        ("POST", COMMENTS, {"body": 1}, "1 is not of type 'string'"),
        ("POST", COMMENTS, None, "the body is missing"),
        ("POST", "/repos/o/r/issues/1/komments", {"body": "x"}, "unknown: POST"),
        ("PUT", COMMENTS, {"body": "x"}, "unknown: PUT"),
        ("POST", "/repos/o/r/issues/one/comments", {"body": "x"}, "'one' is not of type 'integer'"),
        ("GET", COMMENTS, {"body": "x"}, "takes no body"),
        ("GET", COMMENTS + "?perpage=100", None, "unknown query parameter perpage"),
        ("GET", COMMENTS + "?per_page=all", None, "'all' is not of type 'integer'"),
        ("GET", COMMENTS + "?per_page=1&per_page=2", None, "given twice"),
        ("GET", COMMENTS + "?since=yesterday", None, "'yesterday' is not a 'date-time'"),
        ("GET", "/repos/o/r/issues?state=ajar", None, "'ajar' is not one of"),
        ("POST", "/repos/o/r/issues/comments/1/reactions", {"content": "+2"}, "is not one of"),
        ("PATCH", "/repos/o/r/issues/1", {"milestone": [1]}, "is not valid under any"),
        ("PUT", "/repos/o/r/issues/1/labels", {"labels": [1]}, "is not valid under any"),
        ("PUT", "/repos/o/r/pulls/1/merge", {"sha": "a", "method": "merge"}, "unexpected"),
    ],
)
def test_the_judge_refuses(method: str, path: str, body: object, why: str):
    content = b"" if body is None else json.dumps(body).encode()
    with pytest.raises(Breach) as breach:
        contract().judge(httpx.Request(method, BASE + path, content=content))
    assert why in str(breach.value)


@pytest.mark.parametrize("body", [{"milestone": None}, {"milestone": 1}, {"state": "closed"}])
def test_the_judge_lets_pass_what_github_describes(body: object):
    request = httpx.Request("PATCH", BASE + "/repos/o/r/issues/1", content=json.dumps(body))
    assert contract().judge(request).id == "issues/update"


def test_a_request_that_no_test_looks_at_is_judged_too(server: Server):
    with pytest.raises(Breach, match="unknown: GET /repos/zoo-course/zoo/starlings"):
        server.client()._api.get("/repos/zoo-course/zoo/starlings")


def test_moments_are_written_in_utc(server: Server):
    list(server.client().comments_since(datetime.fromisoformat("2026-10-19T14:00:00+02:00")))
    assert server.requests[0][1].url.params["since"] == "2026-10-19T12:00:00Z"
    assert datetime(2026, 10, 19, 12, tzinfo=UTC) == BEGIN
