"""`zoo fsck` finds what was changed; `zoo reconcile` makes what follows from the ledgers."""

import dataclasses
import hashlib
import json

import pytest

from tools.process.git import git, head
from tools.process.ledger import events as ev
from tools.process.ledger.file import digest

REVIEW = """\
---
entry: toy
version: v1
commit: {commit}
reviewer: "@rev-one"
verdict: partial
recommendation: minor-revision
confidence: high
hours: 2
conflict_of_interest: none
ai_use: none
---

# Review of toy v1

## Summary

Read model.py beside the paper, and ran its checks.

## Rubric

### mathematics: 3

Equation 3 was compared with model.py line by line.

## Strengths

Short.

## F01: The bound is no bound

```yaml
kind: mistake
category: mathematics
severity: major
place: zoo/toy/model.py:1
quote: x = 1
```

**Expected.** x = 2 by equation 3.

**Observed.** x = 1, by reading.

**Suggestion.** Write 2.
"""


@pytest.fixture
def whole(term):
    """A term with one entry that went the whole way to its sign-off."""
    term.approved("toy", "@dev-one")
    term.write("zoo/toy/model.py", "x = 1\n")
    first = head(term.root)
    term.happens("toy", "@dev-one", ev.Submitted("v1", first, 9, 0))
    teacher = "@instructor-one"
    term.happens("toy", teacher, ev.Assigned("@rev-one"), ev.Assigned("@rev-two"))
    text = REVIEW.format(commit=first).encode()
    sha = hashlib.sha256(text).hexdigest()
    term.happens("toy", "@rev-one", ev.ReviewFiled(sha))
    term.happens("toy", "@rev-two", ev.ReviewFiled("b" * 64))
    term.happens("toy", teacher, ev.ReviewsClosed(), ev.ReviewLost("@rev-two", "no backup"))
    revealed = ev.ReviewRevealed("@rev-one", sha, {"F01": "major"}, "partial", "minor-revision")
    term.happens("toy", "@rev-one", revealed)
    folder = term.root / "reviews" / "toy"
    for name in ("v1", "v2"):
        (folder / name).mkdir()
    (folder / "v1" / "rev-one.md").write_bytes(text)
    answer = b"F01 is fixed.\n"
    (folder / "v2" / "response.md").write_bytes(answer)
    told = ev.Answered(hashlib.sha256(answer).hexdigest(), {"rev-one/F01": "fixed"})
    term.write("zoo/toy/model.py", "x = 2\n")
    term.happens("toy", "@dev-one", told, ev.Submitted("v2", head(term.root), 9, 0))
    term.happens("toy", "@rev-one", ev.SignedOff("rev-one/F01", "partial", "half of it"))
    term.record.commit("Everything", "reviews/toy")
    term.zoo("reconcile")
    return term


def test_a_whole_record_passes_and_nothing_is_left_to_do(whole):
    assert whole.zoo("fsck").strip() == "✔ the record is whole: 1 ledger, 13 events"
    assert whole.zoo("reconcile").strip() == "everything is as the ledgers say"
    assert whole.git("status", "--porcelain") == ""


def test_projections_come_back_byte_for_byte(whole):
    board, page = whole.root / "reviews/README.md", whole.root / "reviews/toy/v2/rev-one.md"
    tag = whole.git("rev-parse", "refs/tags/toy/v1")
    before = board.read_bytes(), page.read_bytes()
    board.write_text("toy has an A\n")
    page.write_text("verified\n")
    whole.git("tag", "-d", "toy/v1", "toy/v2")
    said = whole.zoo("fsck")
    for line in ("toy/v1: the tag is missing", "toy/v2: the tag", "rev-one.md: not", "README.md"):
        assert line in said
    assert len(whole.zoo("reconcile").splitlines()) == 4
    assert (board.read_bytes(), page.read_bytes()) == before
    assert whole.git("rev-parse", "refs/tags/toy/v1") == tag  # the very same tag object
    assert "✔" in whole.zoo("fsck")


@pytest.mark.parametrize("spoilt", [b"\xff\xfe", b"\r\n"])
def test_pages_in_another_encoding_come_back(whole, spoilt):
    for name in ("reviews/README.md", "reviews/toy/v2/rev-one.md"):
        path = whole.root / name
        before = path.read_bytes()
        path.write_bytes(before.replace(b"\n", spoilt))
        assert f"{name}: not what the ledger" in whole.zoo("fsck")
        whole.zoo("reconcile")
        assert path.read_bytes() == before


def edit_ledger(term, change):
    path = term.root / "reviews" / "toy" / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(change(lines)))


def forged(lines, number, **data):
    """Change one event and chain all later lines anew, as somebody who knows the format would."""
    made = []
    for index, line in enumerate(lines):
        document = json.loads(line)
        if index == number:
            document["data"].update(data)
        document["previous"] = digest(made[-1]) if made else ""
        made.append(json.dumps(document, ensure_ascii=False) + "\n")
    return made


TAMPERED = {
    "a line edited": (
        lambda t: edit_ledger(t, lambda ls: [ls[0].replace("a laptop", "a cluster"), *ls[1:]]),
        "events.jsonl:2: the line before it was changed",
    ),
    "a line removed": (
        lambda t: edit_ledger(t, lambda ls: [*ls[:4], *ls[5:]]),
        "events.jsonl:5: the line before it was changed",
    ),
    "the last line removed": (
        lambda t: edit_ledger(t, lambda ls: ls[:-1]),
        "events.jsonl:13: the working copy changed or removed what was written",
    ),
    "chained anew": (
        lambda t: edit_ledger(t, lambda ls: forged(ls, 12, outcome="not-fixed")),
        "events.jsonl:13: the working copy changed or removed",
    ),
    "chained anew and committed": (
        lambda t: (
            edit_ledger(t, lambda ls: forged(ls, 12, outcome="not-fixed")),
            t.git("commit", "-qam", "nothing to see"),
        ),
        "changed or removed what was written; git show",
    ),
    "an event that never could be": (
        lambda t: edit_ledger(t, lambda ls: forged(ls, 2, checks_failed=3)),
        "event 3 (submitted): 3 failing checks",
    ),
    "a review edited": (
        lambda t: (t.root / "reviews/toy/v1/rev-one.md").write_text("All is well.\n"),
        "reviews/toy/v1/rev-one.md: not the bytes that were filed; git checkout",
    ),
    "a review removed": (
        lambda t: (t.root / "reviews/toy/v1/rev-one.md").unlink(),
        "reviews/toy/v1/rev-one.md: it is gone",
    ),
    "a lost review is there": (
        lambda t: (
            (t.root / "reviews/toy/v1/rev-two.md").write_text("x"),
            t.git("add", "-f", "reviews/toy/v1/rev-two.md"),
        ),
        "reviews/toy/v1/rev-two.md: committed, though the review is lost",
    ),
    "a stranger's review": (
        lambda t: (
            (t.root / "reviews/toy/v1/rev-three.md").write_text("x"),
            t.git("add", "-f", "reviews/toy/v1/rev-three.md"),
        ),
        "reviews/toy/v1/rev-three.md: no reviewer of toy wrote it",
    ),
    "a response edited": (
        lambda t: (t.root / "reviews/toy/v2/response.md").write_text("Sorry.\n"),
        "reviews/toy/v2/response.md: not the bytes that were filed",
    ),
    "a tag moved": (
        lambda t: t.git("tag", "-f", "toy/v1", "HEAD"),
        "toy/v1: the tag names",
    ),
    "somebody left the roster": (
        lambda t: (t.root / "reviews/roster.yaml").write_text(
            (t.root / "reviews/roster.yaml").read_text().replace("@rev-one", "@rev-four")
        ),
        "'@rev-one' is not in reviews/roster.yaml",
    ),
    "somebody changed roles": (
        lambda t: (t.root / "reviews/roster.yaml").write_text(
            (t.root / "reviews/roster.yaml")
            .read_text()
            .replace('"@dev-one", role: developer', '"@dev-one", role: reviewer')
        ),
        "events.jsonl:1: @dev-one acts as developer, but is a reviewer",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_found(whole, name):
    tamper, says = TAMPERED[name]
    tamper(whole)
    result = whole.run("fsck")
    assert result.exit_code == 1
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_stray_tag_and_a_paper_taken_twice(term):
    term.approved("toy", "@dev-one")
    term.git("tag", "-a", "toy/v1", "-m", "not yet")
    assert "toy/v1: a tag of a version that was never submitted" in term.run("fsck").output
    term.git("tag", "-d", "toy/v1")
    payload = dataclasses.replace(term.state("toy").proposal, team=["@dev-two"])
    term.happens("boy", "@dev-two", payload)  # past the command's own check
    said = term.run("fsck").output
    assert "boy and toy reproduce one paper" in said


def test_a_torn_ledger_is_mended(term):
    term.approved("toy", "@dev-one")
    path = term.root / "reviews/toy/events.jsonl"
    with path.open("a") as file:
        file.write('{"schema": 1,')
    assert "its last line is not whole; zoo reconcile cuts it off" in term.zoo("fsck")
    assert "cut off a half-written last line" in term.zoo("reconcile")
    assert term.git("status", "--porcelain") == ""


def test_a_command_killed_before_its_commit_is_made_good(term):
    term.approved("toy", "@dev-one")
    term.happens("toy", "@instructor-one", ev.Held("power cut"))  # recorded, never committed
    said = term.zoo("fsck")
    assert "reviews/toy/events.jsonl: has what is not committed; zoo reconcile commits it" in said
    assert "✔" in said
    term.zoo("unhold", "toy", by="@instructor-one")
    assert term.git("status", "--porcelain") == ""
    assert git(term.root, "show", "HEAD:reviews/toy/events.jsonl").count("\n") == 4


def test_an_edited_policy_is_remarked(term):
    term.approved("toy", "@dev-one")
    path = term.root / "reviews/policy.yaml"
    path.write_text(path.read_text().replace("2026-11-16", "2026-11-20"))
    assert "toy: dates or quotas of an earlier policy; zoo reschedule" in term.zoo("fsck")
