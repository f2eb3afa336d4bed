"""What is gone, moved or strange on GitHub; and where the token may go."""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx
import pytest

from tools.github.client import Client
from tools.github.port import Failed
from tools.github.tests.server import TOKEN, Server, answer, refusal
from zoo.core.errors import ZooError

COMMENT = "issues/get-comment"


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    ("operation", "call", "nothing"),
    [
        (COMMENT, lambda c: c.comment(1), None),
        ("issues/get", lambda c: c.issue(1), None),
        ("pulls/get", lambda c: c.pull(1), None),
        ("users/get-by-username", lambda c: c.user("nobody"), None),
        ("repos/get-content", lambda c: c.file_text("a", "main"), None),
        ("actions/get-workflow-run", lambda c: c.run(1), None),
        ("repos/get-collaborator-permission-level", lambda c: c.permission("nobody"), "none"),
    ],
)
def test_what_is_gone_is_nothing(
    server: Server, operation: str, call: Callable[[Client], object], nothing: object, status: int
):
    server.plan(operation, refusal(status, "Not Found"))
    assert call(server.client()) == nothing
    assert server.slept == []


def test_writing_on_a_deleted_comment_fails(server: Server):
    server.plan("issues/update-comment", refusal(404, "Not Found"))
    with pytest.raises(Failed, match="Not Found") as failed:
        server.client().update_comment(1, "x")
    assert failed.value.status == 404


def test_a_renamed_user_is_followed(server: Server):
    moved = httpx.Response(301, headers={"location": "https://api.github.com/users/dev-1"})
    server.plan(
        "users/get-by-username", moved, answer("users/get-by-username", id=5, login="dev-1")
    )
    user = server.client().user("dev-one")
    assert user is not None
    assert (user.id, user.login) == (5, "dev-1")
    assert server.requests[1][1].headers["authorization"] == f"token {TOKEN}"


def test_a_write_does_not_follow(server: Server):
    server.plan(
        "issues/set-labels",
        httpx.Response(307, headers={"location": "https://api.github.com/user"}),
    )
    with pytest.raises(Failed) as failed:
        server.client().set_labels(1, ["late"])
    assert (failed.value.status, len(server.requests)) == (307, 1)


SENSELESS = [
    httpx.Response(200, text='{"id": 1', headers={"content-type": "application/json"}),
    httpx.Response(200, content=b"\xff\xfe", headers={"content-type": "application/json"}),
    httpx.Response(200, text="{}", headers={"content-type": "application/json; charset=klingon"}),
    httpx.Response(200, text="[" * 200_000, headers={"content-type": "application/json"}),
    httpx.Response(200, text="<html>", headers={"content-type": "text/html"}),
    httpx.Response(200, json=[]),
    httpx.Response(200, json={"id": "1"}),
    httpx.Response(200),
]


@pytest.mark.parametrize("said", SENSELESS, ids=range(len(SENSELESS)))
def test_a_senseless_answer_is_a_failure_in_one_line(server: Server, said: httpx.Response):
    server.plan("issues/get", said)
    with pytest.raises(Failed, match=r"^GitHub's answer .*$"):
        server.client().issue(1)


@pytest.mark.parametrize("status", [418, 422, 451, 499])
def test_so_is_a_senseless_refusal(server: Server, status: int):
    server.plan("issues/set-labels", httpx.Response(status, json=[1]))
    with pytest.raises(Failed, match=r"^GitHub.*/issues/1/labels.*$"):
        server.client().set_labels(1, ["late"])


def test_a_megabyte_comes_through(server: Server):
    body = "ü\u202e\u0000x" * 250_000
    server.plan(COMMENT, answer(COMMENT, body=body))
    comment = server.client().comment(1)
    assert comment is not None
    assert comment.body == body


# The token


def test_the_token_is_never_shown(server: Server, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    server.plan(COMMENT, httpx.Response(502), refusal(403, f"Bad credentials: token {TOKEN}"))
    client = server.client()
    with pytest.raises(Failed) as failed:
        client.comment(1)
    seen = f"{failed.value!r} {client!r} {vars(client)!r} {caplog.text}"
    assert "Bad credentials: token ***" in seen
    assert TOKEN not in seen


def test_the_line_end_of_a_file_is_no_part_of_the_token(server: Server):
    server.client(token=f"{TOKEN}\n").comment(1)
    assert server.requests[0][1].headers["authorization"] == f"token {TOKEN}"


def test_a_token_of_two_lines_is_not_quoted_by_the_error():
    client = Client("o/r", "secret\nstory", base_url="http://127.0.0.1:9", sleep=lambda _: None)
    with pytest.raises(Failed) as failed:
        client.comment(1)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.github.com",
        "http://localhost@evil.example",
        "http://localhost.evil.example",
        "ftp://localhost",
        "//localhost",
        "",
    ],
)
def test_the_token_travels_encrypted(server: Server, base_url: str):
    with pytest.raises(ZooError, match="must begin with https://"):
        server.client(base_url=base_url)


@pytest.mark.parametrize(
    "base_url", ["https://github.example/api/v3", "http://localhost:80", "http://127.0.0.1"]
)
def test_addresses_that_it_may_go_to(server: Server, base_url: str):
    assert server.client(base_url=base_url).calls == 0


def test_no_token_and_no_repository(server: Server):
    with pytest.raises(ZooError, match="set GITHUB_TOKEN"):
        server.client(token=" ")
    for name in ("zoo", "a/b/c", "a/b?c", "/", "a b/c"):
        with pytest.raises(ZooError, match="write owner/name"):
            server.client(name)
