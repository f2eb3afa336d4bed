"""What the client makes of GitHub's answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tools.github.port import Artifact, ChangedFile, Check, Comment, Failed, Run, User
from tools.github.reading import GHOST, moment
from tools.github.tests.contract import contract
from tools.github.tests.server import BEGIN, Server, answer, given, refusal

OCTOCAT = User(1, "octocat")
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
BLOB = "https://blobs.example/1?signature=x"
INLINE = "pulls/list-review-comments"
CHECKS = "checks/list-for-ref"


def example(operation: str) -> Any:
    return contract().example(contract().operations[operation])


def test_githubs_examples_as_records(server: Server):
    client = server.client()
    at = datetime(2011, 4, 14, 16, 0, 49, tzinfo=UTC)
    url = "https://github.com/octocat/Hello-World/issues/1347#issuecomment-1"
    assert client.comment(1) == Comment(1, 1347, OCTOCAT, "Me too", at, at, url)
    assert client.changed_files("a", "b")[0] == ChangedFile(
        "file1.txt", "added", None, "bbcd538c8e72b8c175046e27cc8f907076331401"
    )
    assert client.run(1) == Run(
        30433642, "Build", "push", "acb5820ced9479c074f688cc328bf03f341a511d", None
    )
    assert client.artifacts(1)[0] == Artifact(11, "Rails", 556, False)
    pull = client.pull(1)
    assert pull is not None
    assert (pull.number, pull.head_branch) == (1347, "new-topic")
    assert client.reactions(1) == [(OCTOCAT, "heart")]
    assert [review.body for review in client.review_bodies(12)] == [
        "Here is the body for the review."
    ]
    assert client.review_bodies(12)[0].number == 12


def test_a_deleted_account_is_the_ghost(server: Server):
    comment = example("issues/get-comment") | {"user": None, "body": None}
    server.plan("issues/get-comment", httpx.Response(200, json=comment))
    server.plan("issues/get", answer("issues/get", user=None, body=None, milestone=None))
    client = server.client()
    comment, issue = client.comment(1), client.issue(1)
    assert comment is not None
    assert issue is not None
    assert (comment.author, comment.body) == (GHOST, "")
    assert (issue.author, issue.body, issue.milestone, issue.is_pull) == (GHOST, "", None, True)


@pytest.mark.parametrize(
    ("old", "role", "expected"),
    [
        ("admin", "admin", "admin"),
        ("write", "maintain", "maintain"),
        ("write", "write", "write"),
        ("read", "triage", "triage"),
        ("none", "none", "none"),
        ("write", "our-own-role", "write"),
        ("read", "admin", "read"),  # an organisation's role of that name is none of GitHub's
        ("write", "admin", "write"),
        ("read", "maintain", "read"),
        ("overlord", "overlord", "none"),
        ("maintain", "x", "none"),
    ],
)
def test_permission_is_the_role_where_it_fits(server: Server, old: str, role: str, expected: str):
    operation = "repos/get-collaborator-permission-level"
    said = example(operation) | {"permission": old, "role_name": role}
    server.plan(operation, httpx.Response(200, json=said))
    assert server.client().permission("dev-one") == expected


def test_the_token_of_a_workflow_may_not_ask_who_it_is(server: Server):
    server.plan("users/get-authenticated", refusal(403, "Resource not accessible by integration"))
    bot = answer("users/get-by-username", id=41898282, login="github-actions[bot]", type="Bot")
    server.plan("users/get-by-username", bot)
    client = server.client()
    assert client.me() == client.me() == User(41898282, "github-actions[bot]", is_bot=True)
    assert client.calls == 2
    server.plan("users/get-authenticated", refusal(401, "Bad credentials"))
    with pytest.raises(Failed, match="Bad credentials"):
        server.client().me()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"original_start_line": 2, "original_line": 5}, (2, 5)),
        ({"original_start_line": None, "original_line": 5}, (5, 5)),
        ({"original_start_line": None, "original_line": 5, "line": None}, (5, 5)),
        ({"original_start_line": 2, "original_line": 5, "side": "LEFT"}, (None, None)),
        ({"original_line": 1, "subject_type": "file"}, (None, None)),
    ],
)
def test_a_comment_on_lines_is_where_it_was_written(
    server: Server, changes: dict[str, object], place: tuple[int | None, int | None]
):
    moved = {"commit_id": "f" * 40, "original_commit_id": SHA, "start_line": 90, "line": 95}
    # GitHub does say null for a line that is no longer there, its description notwithstanding.
    server.plan(INLINE, httpx.Response(200, json=[example(INLINE)[0] | moved | changes]))
    (comment,) = server.client().inline_comments(1)
    assert ((comment.first, comment.last), comment.commit) == (place, SHA)


@pytest.mark.parametrize(
    ("runs", "conclusion"),
    [
        ([], None),
        ([(1, "completed", "success")], "success"),
        ([(2, "completed", "failure"), (1, "completed", "success")], "failure"),
        ([(1, "completed", "success"), (2, "in_progress", "success")], None),
    ],
)
def test_the_newest_check_counts(
    server: Server, runs: list[tuple[int, str, str | None]], conclusion: str | None
):
    one = example(CHECKS)["check_runs"][0]
    listed = [one | {"id": i, "status": s, "conclusion": c} for i, s, c in runs]
    server.plan(CHECKS, answer(CHECKS, total_count=len(listed), check_runs=listed))
    found = server.client().check(SHA, "Verdict & more")
    ended = moment(one["completed_at"])
    assert found == (Check(conclusion, ended) if conclusion else None)
    assert server.requests[0][1].url.params["check_name"] == "Verdict & more"


def test_pulls_with_a_head(server: Server):
    pull = example("pulls/list")[0]
    other = pull | {"number": 2, "head": pull["head"] | {"sha": SHA, "repo": None}}
    server.plan(
        "pulls/list",
        httpx.Response(200, json=[pull | {"head": pull["head"] | {"sha": "f" * 40}}, other]),
    )
    (found,) = server.client().pulls_with_head(SHA)
    assert found.number == 2


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"content": "R3LD\nvMOfZQ==\n"}, "Grüße"),
        ({"content": ""}, ""),
        ({"type": "submodule"}, None),
    ],
)
def test_a_files_text(server: Server, said: dict[str, object], text: str | None):
    file = example("repos/get-content") | said
    server.plan("repos/get-content", httpx.Response(200, json=file))
    assert server.client().file_text("zoo/a.md", "x/y") == text
    assert server.requests[0][1].url.params["ref"] == "x/y"


def test_a_file_that_is_no_text(server: Server):
    client = server.client()
    server.plan("repos/get-content", answer("repos/get-content", content="/w=="))
    with pytest.raises(Failed, match="zoo/a at main is not UTF-8 text"):
        client.file_text("zoo/a", "main")
    server.plan("repos/get-content", answer("repos/get-content", content="", encoding="none"))
    with pytest.raises(Failed, match="zoo/a at main is larger than 1 MB"):
        client.file_text("zoo/a", "main")
    server.plan("repos/get-content", httpx.Response(200, json=[example("repos/get-content")]))
    assert client.file_text("zoo", "main") is None


@pytest.mark.parametrize("path", ["../user", "zoo/../../x", "/etc", "a//b", "./a", ""])
def test_a_path_stays_in_the_repository(server: Server, path: str):
    assert server.client().file_text(path, "main") is None
    assert server.requests == []


def test_a_path_is_a_path_whatever_it_holds(server: Server):
    server.plan("repos/get-content", answer("repos/get-content", content=""))
    server.client().file_text("a?ref=evil/#b %2e", "main")
    asked = server.requests[0][1].url
    assert asked.raw_path.endswith(b"/contents/a%3Fref%3Devil/%23b%20%252e?ref=main")


def redirected(server: Server, content: bytes) -> None:
    server.plan("actions/download-artifact", httpx.Response(302, headers={"location": BLOB}))
    server.redirect_to(BLOB, httpx.Response(200, content=content))


def test_an_artifact_comes_from_elsewhere_without_the_token(server: Server):
    redirected(server, b"12345")
    assert server.client().download_artifact(1, 5) == b"12345"
    assert "authorization" in server.requests[0][1].headers
    assert "authorization" not in server.requests[1][1].headers


def test_an_artifact_beyond_the_limit_is_not_read(server: Server):
    redirected(server, b"123456")
    with pytest.raises(Failed, match="artifacts/1/zip has more than 5 bytes"):
        server.client().download_artifact(1, 5)


@pytest.mark.parametrize("status", [404, 410])
def test_an_artifact_that_is_gone(server: Server, status: int):
    server.plan("actions/download-artifact", refusal(status))
    with pytest.raises(Failed) as failed:
        server.client().download_artifact(1, 5)
    assert failed.value.status == status


LABEL = {"name": "late", "color": "ff0000", "description": "Late"}


@pytest.mark.parametrize(
    ("present", "asked"),
    [
        (None, ["issues/get-label", "issues/create-label"]),
        (LABEL, ["issues/get-label"]),
        (LABEL | {"color": "FF0000"}, ["issues/get-label"]),
        (LABEL | {"name": "Late"}, ["issues/get-label", "issues/update-label"]),
        (LABEL | {"description": None}, ["issues/get-label", "issues/update-label"]),
    ],
)
def test_a_label_is_made_or_adjusted_or_left(
    server: Server, present: dict[str, object] | None, asked: list[str]
):
    for dry_run in (True, False):
        said = refusal(404) if present is None else answer("issues/get-label", **present)
        server.plan("issues/get-label", said)
        changed = server.client().ensure_label("late", "#FF0000", "Late", dry_run=dry_run)
        assert changed == (len(asked) == 2)
    assert server.asked() == ["issues/get-label", *asked]
    if "issues/create-label" in asked:
        assert server.body() == LABEL


def test_a_label_whose_answer_was_lost_is_looked_up(server: Server):
    server.plan("issues/get-label", refusal(404), answer("issues/get-label", **LABEL))
    server.plan("issues/create-label", httpx.ReadTimeout("slow"))
    assert server.client().ensure_label("late", "ff0000", "Late")
    assert server.asked().count("issues/create-label") == 1


@pytest.mark.parametrize(
    ("kept", "due", "asked"),
    [
        (None, None, []),
        (BEGIN, None, []),  # nobody took the date away
        (None, BEGIN, ["issues/update-milestone"]),
        (BEGIN, BEGIN, []),
        (BEGIN - timedelta(hours=15), BEGIN, []),  # when that day began in California
        (BEGIN - timedelta(hours=25), BEGIN, ["issues/update-milestone"]),
        (BEGIN + timedelta(hours=1), BEGIN, ["issues/update-milestone"]),
    ],
)
def test_a_milestone_is_adjusted_or_left(
    server: Server, kept: datetime | None, due: datetime | None, asked: list[str]
):
    text = kept and f"{kept:%Y-%m-%dT%H:%M:%SZ}"
    listed = given("issues/list-milestones", title="v1", number=3, due_on=text)
    server.plan("issues/list-milestones", *[httpx.Response(200, json=listed)] * 2)
    client = server.client()
    assert client.ensure_milestone("v1", due, dry_run=True) == bool(asked)
    assert client.ensure_milestone("v1", due) == bool(asked)
    assert server.asked() == ["issues/list-milestones"] * 2 + asked


def test_a_milestone_is_set_by_its_title(server: Server):
    listed = given("issues/list-milestones", title="v1", number=3)
    server.plan("issues/list-milestones", *[httpx.Response(200, json=listed)] * 2)
    client = server.client()
    client.set_milestone(1, "v1")
    assert server.body() == {"milestone": 3}
    with pytest.raises(Failed, match="there is no milestone 'v9'"):
        client.set_milestone(1, "v9")


def test_what_is_written(server: Server):
    client = server.client()
    client.merge(1, SHA, "Merge it")
    assert server.body() == {"sha": SHA, "commit_title": "Merge it", "merge_method": "merge"}
    client.close_issue(1)
    assert server.body() == {"state": "closed"}
    list(client.issues(["a", "b c"], only_open=False))
    assert dict(server.requests[-1][1].url.params) == {
        "state": "all",
        "labels": "a,b c",
        "per_page": "100",
    }
