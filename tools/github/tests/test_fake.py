from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest

from tools.github.port import ChangedFile, Failed, GitHub
from tools.github.tests.fake import FakeGitHub, Write


def port_methods() -> list[str]:
    return [name for name in vars(GitHub) if not name.startswith("_")]


def test_it_has_the_signatures_of_the_port():
    for name in port_methods():
        ours = inspect.signature(getattr(FakeGitHub, name), eval_str=True)
        assert ours == inspect.signature(getattr(GitHub, name), eval_str=True), name


def test_a_pull_request_follows_its_branch_and_is_merged_once():
    fake = FakeGitHub()
    ana = fake.add_user("dev-one")
    fake.push("main", {"a": "1", "b": "1"})
    pull = fake.add_pull(ana, {"a": "2", "b": None, "c": "3"})
    fake.push("main", {"d": "4"})
    assert fake.changed_files(fake.branches["main"], pull.head_sha) == [
        ChangedFile("a", "modified", blob="d8263ee9860594d2806b0dfd1bfd17528b0ba2a4"),
        ChangedFile("b", "removed"),
        ChangedFile("c", "added", blob="e440e5c842586965a7fb77deda2eca68612b1f53"),
    ]
    head = fake.push(pull.head_branch, {"c": "5"})
    with pytest.raises(Failed, match="moved"):
        fake.merge(1, pull.head_sha, "T")
    fake.merge(1, head, "T")
    assert fake.commits[fake.branches["main"]] == {"a": "2", "c": "5", "d": "4"}
    fake.merge(1, head, "T")
    with pytest.raises(Failed, match="cannot be merged"):
        fake.merge(1, pull.head_sha, "T")
    assert fake.writes == [Write("merge", (1, head, "T"))] * 2


def test_comments_are_found_by_when_they_changed():
    fake = FakeGitHub()
    ana = fake.add_user("dev-one")
    fake.add_issue(ana, "An issue")
    old = fake.say(1, ana, "old", at=datetime(2026, 1, 1, tzinfo=UTC))
    new = fake.say(1, ana, "new", at=datetime(2026, 1, 3, tzinfo=UTC))
    assert list(fake.comments_since(datetime(2026, 1, 2, tzinfo=UTC))) == [new]
    assert list(fake.comments(1)) == [old, new]
    fake.delete(old.id)
    assert fake.comment(old.id) is None
    with pytest.raises(Failed) as failed:
        fake.react(old.id, "eyes")
    assert failed.value.status == 404


def test_a_planned_fault_hits_the_nth_call_before_or_after_it_took_effect():
    fake = FakeGitHub()
    fake.add_issue(fake.add_user("dev-one"), "An issue")
    fake.fail(2, method="create_comment")
    fake.fail(4, status=0, done=True)
    fake.create_comment(1, "one")
    with pytest.raises(Failed) as refused:
        fake.create_comment(1, "two")
    assert (refused.value.status, fake.said(1)) == (502, ["one"])
    fake.me()
    with pytest.raises(Failed) as unheard:
        fake.create_comment(1, "three")
    assert (unheard.value.status, fake.said(1)) == (0, ["one", "three"])
    assert len(fake.calls) == 4


def test_ensuring_twice_changes_once():
    fake = FakeGitHub()
    assert [fake.ensure_label("late", "ff0000", "Late") for _ in range(2)] == [True, False]
    assert [fake.ensure_milestone("v1", None) for _ in range(2)] == [True, False]
    fake.add_issue(fake.add_user("dev-one"), "An issue")
    with pytest.raises(Failed, match="no milestone"):
        fake.set_milestone(1, "v3")


def test_a_renamed_user_keeps_the_number():
    fake = FakeGitHub()
    ana = fake.add_user("dev-one", "write")
    fake.rename("dev-one", "dev-1")
    assert fake.user("dev-one") is None
    assert fake.user("dev-1").id == ana.id
    assert (fake.permission("dev-one"), fake.permission("dev-1")) == ("none", "write")
