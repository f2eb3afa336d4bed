"""What the client does when GitHub fails, refuses, is silent, or says something odd."""

from __future__ import annotations

import httpx
import pytest

from tools.github.port import Failed
from tools.github.retry import PATIENCE, Unheard
from tools.github.tests.contract import contract
from tools.github.tests.server import BASE, BEGIN, Answer, Server, answer, given, refusal
from zoo.core.errors import ZooError

COMMENT, COMMENTS, CREATE = "issues/get-comment", "issues/list-comments", "issues/create-comment"
ME = given("users/get-authenticated")
LIMITED = "You have exceeded a secondary rate limit. Please wait."


def primary(seconds: int, status: int = 403) -> httpx.Response:
    reset = str(int(BEGIN.timestamp()) + seconds)
    return refusal(
        status, x_ratelimit_limit="1000", x_ratelimit_remaining="0", x_ratelimit_reset=reset
    )


def ours(body: str, comment_id: int = 7) -> httpx.Response:
    """A page with one comment by the bot itself."""
    return httpx.Response(200, json=given(COMMENTS, id=comment_id, body=body, user=ME))


# Rate limits


@pytest.mark.parametrize(
    ("said", "slept"),
    [
        (primary(90), [91.0]),
        (primary(90, 429), [91.0]),
        (primary(-10), [1.0]),
        (refusal(403, LIMITED, retry_after="30"), [30.0]),
        (refusal(429, retry_after="30"), [30.0]),
        (refusal(403, LIMITED), [60.0]),
        (refusal(429), [60.0]),
        (refusal(403, LIMITED, retry_after="soon"), [60.0]),
        (refusal(403, LIMITED, x_ratelimit_remaining="0", x_ratelimit_reset="nan"), [60.0]),
    ],
)
@pytest.mark.parametrize("write", [False, True])
def test_a_rate_limit_is_waited_for(
    server: Server, said: httpx.Response, slept: list[float], write: bool
):
    server.plan(CREATE if write else COMMENT, said)
    client = server.client()
    # A limited request was not carried out, so that even a comment is simply sent again.
    assert (client.create_comment(1, "Hello") if write else client.comment(1)) is not None
    assert (server.slept, client.calls) == (slept, 2)


def test_a_secondary_limit_without_a_time_is_waited_for_longer_each_time(server: Server):
    server.plan(COMMENT, *[refusal(403, LIMITED)] * 3)
    with pytest.raises(
        Failed, match="rate limit stops GET /repos/zoo-course/zoo/issues/comments/1"
    ):
        server.client().comment(1)
    assert server.slept == [60.0, 120.0]  # and no 240, which is more than all patience left


def test_a_limit_beyond_all_patience_ends_at_once_in_one_line(server: Server):
    server.plan("issues/set-labels", primary(2000))
    with pytest.raises(Failed) as failed:
        server.client().set_labels(1, ["late"])
    assert str(failed.value) == (
        "GitHub's rate limit stops PUT /repos/zoo-course/zoo/issues/1/labels "
        "until 2026-10-19 12:33 UTC"
    )
    assert (failed.value.status, server.slept) == (403, [])


def test_patience_is_that_of_the_whole_job(server: Server):
    client = server.client()
    for _ in range(5):
        server.plan(COMMENT, refusal(429, retry_after="60"))
        client.comment(1)
    server.plan(COMMENT, refusal(429, retry_after="1"))
    with pytest.raises(Failed, match="rate limit"):
        client.comment(1)
    assert sum(server.slept) == PATIENCE


def test_another_403_is_no_rate_limit(server: Server):
    server.plan("issues/set-labels", refusal(403, "Resource not accessible by integration"))
    with pytest.raises(Failed) as failed:
        server.client().set_labels(1, ["late"])
    assert str(failed.value) == (
        "GitHub answered 403 to PUT /repos/zoo-course/zoo/issues/1/labels: "
        "Resource not accessible by integration"
    )
    assert (failed.value.status, server.slept) == (403, [])


# Faults and silence

FAULTS: list[Answer] = [
    httpx.Response(500),
    httpx.Response(502, text="<html>Bad gateway</html>"),
    httpx.Response(503, json={"message": "Unavailable"}),
    httpx.Response(520, text="?"),
    httpx.ReadTimeout("slow"),
    httpx.ReadError("cut"),
    httpx.RemoteProtocolError("cut"),
]
NEVER_SENT: list[Answer] = [httpx.ConnectError("no"), httpx.ConnectTimeout("no")]


@pytest.mark.parametrize("fault", FAULTS + NEVER_SENT, ids=repr)
def test_reads_and_repeatable_writes_are_tried_four_times(server: Server, fault: Answer):
    client = server.client()
    server.plan(COMMENT, fault, fault, fault)
    assert client.comment(1) is not None
    assert server.slept == [1.0, 2.0, 4.0]
    server.plan("issues/update-comment", *[fault] * 4)
    with pytest.raises(Failed) as failed:
        client.update_comment(1, "x")
    assert "PATCH /repos/zoo-course/zoo/issues/comments/1" in str(failed.value)
    assert client.calls == 8


@pytest.mark.parametrize("fault", NEVER_SENT, ids=repr)
def test_a_comment_that_was_never_sent_is_sent_again(server: Server, fault: Answer):
    server.plan(CREATE, fault)
    server.client().create_comment(1, "Hello")
    assert server.asked() == [CREATE, CREATE]


@pytest.mark.parametrize(
    "fault",
    [
        *FAULTS,
        httpx.Response(201, text="{", headers={"content-type": "application/json"}),
        httpx.Response(201, json={"id": 7}),
    ],
    ids=repr,
)
def test_a_comment_whose_answer_was_lost_is_found_instead_of_written_again(
    server: Server, fault: Answer
):
    server.plan(CREATE, fault)
    server.plan(COMMENTS, ours("Hello\r\nyou\n"))
    assert server.client().create_comment(1, "Hello\nyou").id == 7
    assert server.asked() == [CREATE, COMMENTS, "users/get-authenticated"]
    assert server.requests[1][1].url.params["since"] == "2026-10-19T11:59:00Z"


def test_a_comment_that_github_lost_is_written_again(server: Server):
    server.plan(CREATE, httpx.ReadTimeout("slow"))
    # Not ours: another text, and the same text by somebody else.
    others = given(COMMENTS, body="Other", user=ME) + given(
        COMMENTS, body="Hello", user=ME | {"id": 2}
    )
    server.plan(COMMENTS, httpx.Response(200, json=others))
    server.client().create_comment(1, "Hello")
    assert server.asked().count(CREATE) == 2


def test_after_four_lost_comments_nobody_knows(server: Server):
    server.plan(CREATE, *[httpx.ReadTimeout("slow")] * 4)
    with pytest.raises(Unheard, match=r"did not answer POST .* \(ReadTimeout\)"):
        server.client().create_comment(1, "Hello")
    # The last one is looked for too.
    assert server.asked().count(CREATE) == server.asked().count(COMMENTS) == 4


def test_an_issue_whose_answer_was_lost_is_found(server: Server):
    server.plan("issues/create", httpx.Response(502))
    listed = given("issues/list-for-repo", number=9, title="Late", body="Who", user=ME)
    server.plan("issues/list-for-repo", httpx.Response(200, json=listed))
    assert server.client().create_issue("Late", "Who", []).number == 9
    assert server.asked().count("issues/create") == 1


def test_a_reaction_is_simply_given_again(server: Server):
    server.plan("reactions/create-for-issue-comment", httpx.ReadTimeout("slow"))
    server.client().react(1, "eyes")
    assert server.asked() == ["reactions/create-for-issue-comment"] * 2


@pytest.mark.parametrize("merged", [True, False])
def test_a_merge_whose_answer_was_lost_is_looked_up(server: Server, merged: bool):
    sha = given_head()
    server.plan("pulls/merge", httpx.ReadTimeout("slow"), refusal(405, "Not mergeable"))
    server.plan("pulls/get", loosely("pulls/get", merged=merged))
    client = server.client()
    if merged:
        client.merge(1, sha, "Merge it")
    else:
        with pytest.raises(Failed, match="Not mergeable"):
            client.merge(1, sha, "Merge it")


def given_head() -> str:
    return loosely("pulls/get").json()["head"]["sha"]


def loosely(operation: str, **changes: object) -> httpx.Response:
    """GitHub's example, which here does not keep to its own description, changed."""
    return httpx.Response(200, json=contract().example(contract().operations[operation]) | changes)


# Lists


def test_three_pages_of_a_list(server: Server):
    def page(number: int) -> httpx.Response:
        comments = [
            given(COMMENTS, id=number * 100 + i)[0] for i in range(100 if number < 3 else 7)
        ]
        onward = f"{BASE}/repos/zoo-course/zoo/issues/1/comments?per_page=100&page={number + 1}"
        link = f'<{BASE}/x>; rel="first", <{onward}>; rel="next", <{BASE}/x>; rel="last"'
        return httpx.Response(200, json=comments, headers={"link": link} if number < 3 else {})

    server.plan(COMMENTS, page(1), page(2), httpx.Response(502), page(3))
    found = [comment.id for comment in server.client().comments(1)]
    assert found == [*range(100, 300), *range(300, 307)]
    asked = [str(request.url.query, "ascii") for _, request in server.requests]
    assert asked == ["per_page=100", "per_page=100&page=2", *["per_page=100&page=3"] * 2]


def test_a_list_is_read_only_as_far_as_wanted(server: Server):
    link = {"link": '<https://api.github.com/repos/zoo-course/zoo/issues?page=2>; rel="next"'}
    server.plan(
        "issues/list-for-repo",
        httpx.Response(200, json=given("issues/list-for-repo"), headers=link),
    )
    next(server.client().issues())
    assert len(server.requests) == 1


def test_the_token_goes_nowhere_else(server: Server):
    link = {"link": '<https://evil.example/repos/zoo-course/zoo/issues?page=2>; rel="next"'}
    server.plan(
        "issues/list-for-repo",
        httpx.Response(200, json=given("issues/list-for-repo"), headers=link),
    )
    with pytest.raises(Failed, match=r"refused to send the token to https://evil\.example"):
        list(server.client().issues())
    with pytest.raises(Failed, match="refused"):
        server.client().permission("..")
    assert len(server.requests) == 1


def test_three_hundred_changed_files_are_too_many_to_trust_the_list(server: Server):
    operation = "repos/compare-commits-with-basehead"
    file = given(operation)["files"][0]
    server.plan(
        operation, answer(operation, files=[file] * 299), answer(operation, files=[file] * 300)
    )
    client = server.client()
    assert len(client.changed_files("a", "b")) == 299
    with pytest.raises(ZooError, match="changes 300 files or more, and GitHub lists no more: "):
        client.changed_files("a", "b")
