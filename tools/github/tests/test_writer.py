"""Several writers, one record: real clones of a real bare repository."""

from __future__ import annotations

import base64
import http.server
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.github.tests.door import Door
from tools.github.writer import with_record
from tools.process.fsck import examine
from tools.process.git import git, head
from tools.process.ledger.events import Extended, Submitted
from tools.process.record import Record
from tools.process.review.sealing import seal, sealed_text
from tools.process.tags import make_tag
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term
from zoo.core.errors import ZooError

TOKEN = "ghs_not-a-real-token"


class Remote:
    """A bare repository with an approved entry, and clones of it."""

    def __init__(self, term: Term, folder: Path) -> None:
        term.approved("vae", "@dev-one")
        self.path, self.folder = folder / "remote.git", folder
        git(folder, "clone", "--quiet", "--bare", str(term.root), str(self.path))

    def clone(self, name: str) -> Path:
        git(self.folder, "clone", "--quiet", str(self.path), name)
        return self.folder / name

    def hook(self, name: str, script: str) -> None:
        path = self.path / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def ids(self) -> list[str]:
        """Identities of the events that the default branch has, in order."""
        record = Record(self.clone(f"look-{len(list(self.folder.iterdir()))}"))
        assert examine(record) == ([], [])
        return [event.id for event in record.events("vae")]


@pytest.fixture
def remote(term: Term, tmp_path: Path) -> Remote:
    return Remote(term, tmp_path)


def extend(identity: str) -> Callable[[Record], str]:
    """An act: one more event, committed; what it returns is the entry's stage."""

    def act(record: Record) -> str:
        payload = Extended("@dev-one", "v1", "2026-12-01T00:00:00Z")
        state = record.append("vae", "@instructor-one", payload, event_id=identity)
        record.commit(f"vae: {identity}")
        return state.stage

    return act


def submit(record: Record) -> str:
    """An act that makes a tag too."""
    payload = Submitted("v1", head(record.root), 9, 0)
    state = record.append("vae", "@dev-one", payload, event_id="comment-1-0")
    make_tag(record.root, "vae", "v1", state.v1)
    record.commit("vae: version 1")
    return state.v1.commit


class Waits(list):
    """A sleeper that only notes what it was asked for."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def untouched(clone: Path, before: str) -> None:
    assert head(clone) == before
    assert git(clone, "status", "--porcelain", "--ignored") == ""
    assert git(clone, "for-each-ref", "refs/tags", "refs/zoo") == ""


def test_an_act_reaches_the_remote(remote: Remote) -> None:
    clone = remote.clone("one")
    assert with_record(clone, extend("a")) == "approved"
    assert remote.ids()[-1] == "a"
    assert head(clone) == git(remote.path, "rev-parse", "main")


def test_an_older_clone_acts_on_the_newest_record(remote: Remote) -> None:
    one, two = remote.clone("one"), remote.clone("two")
    with_record(one, extend("a"))
    with_record(two, extend("b"))
    assert remote.ids()[-2:] == ["a", "b"]


def test_a_branch_that_moves_during_the_act(remote: Remote) -> None:
    one, two, acts, waits = remote.clone("one"), remote.clone("two"), [], Waits()

    def slow(record: Record) -> str:
        acts.append(head(record.root))
        if len(acts) == 1:
            with_record(two, extend("quick"))
        return extend("slow")(record)

    with_record(one, slow, sleep=waits)
    assert remote.ids()[-2:] == ["quick", "slow"]
    assert len(acts) == len(set(acts)) == 2
    assert len(waits) == 1


def test_two_writers_race(remote: Remote) -> None:
    clones = [remote.clone("one"), remote.clone("two")]

    def write(number: int) -> None:
        for event in range(10):
            act = extend(f"{number}-{event}")
            with_record(clones[number], act, attempts=100, sleep=lambda seconds: None)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    ids = remote.ids()[2:]
    assert sorted(ids) == sorted(f"{n}-{e}" for n in range(2) for e in range(10))
    for number in range(2):
        assert [i for i in ids if i.startswith(f"{number}-")] == [
            f"{number}-{e}" for e in range(10)
        ]


def test_commits_and_tags_arrive_together(remote: Remote) -> None:
    def entry(record: Record) -> None:
        path = record.root / "zoo" / "vae" / "model.py"
        path.parent.mkdir(parents=True)
        path.write_text("x = 1\n")
        record.commit("vae: begun", path)

    clone = remote.clone("one")
    with_record(clone, entry)
    frozen = with_record(clone, submit)
    assert git(remote.path, "rev-parse", "vae/v1^{}") == frozen
    assert remote.ids()[-1] == "comment-1-0"


def test_neither_arrives_where_the_tag_cannot(remote: Remote) -> None:
    remote.hook("update", 'case "$1" in refs/tags/*) exit 1;; esac')
    clone, before = remote.clone("one"), git(remote.path, "rev-parse", "main")
    with pytest.raises(ZooError, match="could not be written to origin in 2 attempts"):
        with_record(clone, submit, attempts=2, sleep=Waits())
    assert git(remote.path, "rev-parse", "main") == before
    untouched(clone, before)


def test_two_pushes_are_rejected(remote: Remote) -> None:
    count = '[ "$(cat count 2>/dev/null | wc -c)" -ge 2 ] || { printf x >> count; exit 1; }'
    remote.hook("pre-receive", count)
    acts, waits = [], Waits()

    with_record(remote.clone("one"), lambda r: acts.append(r) or extend("a")(r), sleep=waits)
    assert remote.ids()[-1] == "a"
    assert len(acts) == 3
    assert len(waits) == 2


def test_patience_ends(remote: Remote) -> None:
    remote.hook("pre-receive", "exit 1")
    clone = remote.clone("one")
    before = head(clone)
    with pytest.raises(ZooError) as caught:
        with_record(clone, extend("a"), attempts=3, sleep=Waits())
    assert str(caught.value) == (
        "the record could not be written to origin in 3 attempts (git push: ! "
        "HEAD:refs/heads/main [remote rejected] (pre-receive hook declined)): "
        "nothing was changed; try again later"
    )
    untouched(clone, before)


def test_an_answer_is_lost(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """The push arrived, and git said that it had failed: the second attempt changes nothing."""
    real, pushes = subprocess.run, []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        done = real(command, **options)
        if command[1] == "push":
            pushes.append(done.returncode)
            return subprocess.CompletedProcess(command, 128, "", "fatal: the remote hung up\n")
        return done

    clone = remote.clone("one")
    monkeypatch.setattr("tools.github.writer.subprocess.run", run)
    assert with_record(clone, submit_anywhere, sleep=Waits()) == "v1-submitted"
    monkeypatch.undo()
    assert pushes == [0]
    listing = git(remote.path, "log", "--format=%s", "main")
    assert listing.splitlines().count("vae: version 1") == 1
    assert git(remote.path, "tag", "--list") == "vae/v1"
    assert head(clone) == git(remote.path, "rev-parse", "main")


def submit_anywhere(record: Record) -> str:
    """As the bot submits: the frozen commit is named by the delivery, not by the clone."""
    payload = Submitted("v1", git(record.root, "rev-list", "--max-parents=0", "HEAD"), 9, 0)
    state = record.append("vae", "@dev-one", payload, event_id="comment-1-0")
    make_tag(record.root, "vae", "v1", state.v1)
    record.commit("vae: version 1")
    return state.stage


def test_a_failed_act_leaves_nothing(remote: Remote) -> None:
    def fail(record: Record) -> None:
        submit(record)
        (record.root / "half.txt").write_text("half")
        draft = record.folder("vae") / "v1" / "rev-one.md"
        draft.parent.mkdir()
        draft.write_text("half")
        blob = git(record.root, "hash-object", "-w", "half.txt")
        git(record.root, "update-ref", "refs/zoo/sealed/vae/rev-one/1", blob)
        raise ZooError("no")

    clone = remote.clone("one")
    before = head(clone)
    with pytest.raises(ZooError, match=r"^no$"):
        with_record(clone, fail)
    untouched(clone, before)
    assert git(remote.path, "rev-parse", "main") == before


def test_what_is_not_committed_is_refused(remote: Remote) -> None:
    def forget(record: Record) -> None:
        payload = Extended("@dev-one", "v1", "2026-12-01T00:00:00Z")
        record.append("vae", "@instructor-one", payload)

    clone = remote.clone("one")
    before = head(clone)
    with pytest.raises(ZooError, match=r"^reviews/vae/events.jsonl was written, not committed"):
        with_record(clone, forget)
    untouched(clone, before)


def test_an_act_that_changes_nothing_pushes_nothing(remote: Remote) -> None:
    remote.hook("pre-receive", "exit 1")
    assert with_record(remote.clone("one"), lambda r: r.state("vae").stage) == "approved"


def test_sealed_texts_reach_the_next_machine(remote: Remote) -> None:
    one, two = remote.clone("one"), remote.clone("two")
    sha256 = with_record(one, lambda record: seal(record, "vae", "@rev-one", b"text"))
    text = with_record(two, lambda record: sealed_text(record, "vae", "@rev-one", sha256))
    assert text == b"text"


@pytest.mark.parametrize("path", ["reviews/README.md", "new.txt", "reviews/vae/v1/rev-one.md"])
def test_a_clone_with_work_in_it_is_refused(remote: Remote, path: str) -> None:
    clone = remote.clone("one")
    (clone / path).parent.mkdir(exist_ok=True)
    (clone / path).write_text("mine")
    with pytest.raises(ZooError, match="the clone holds uncommitted work"):
        with_record(clone, extend("a"))
    assert (clone / path).read_text() == "mine"


def test_a_clone_with_commits_of_its_own_is_refused(remote: Remote) -> None:
    clone = remote.clone("one")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "mine")
    mine = head(clone)
    with pytest.raises(ZooError, match="the clone holds commits that origin lacks"):
        with_record(clone, extend("a"))
    assert head(clone) == mine


def test_a_remote_that_is_gone(remote: Remote) -> None:
    clone = remote.clone("one")
    remote.path.rename(remote.path.with_name("elsewhere"))
    with pytest.raises(ZooError, match=r"in 2 attempts \(git ls-remote: fatal: .*\)"):
        with_record(clone, extend("a"), attempts=2, sleep=Waits())


@pytest.fixture
def door(remote: Remote) -> Iterator[tuple[Path, type[Door]]]:
    """A clone whose remote is behind the door."""

    class Here(Door):
        root, seen = remote.folder, []
        key = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()

    clone = remote.clone("one")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Here) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/remote.git"
        git(clone, "remote", "set-url", "origin", url)
        yield clone, Here
        server.shutdown()


def test_the_token_opens_the_door(remote: Remote, door: tuple[Path, type[Door]]) -> None:
    clone, served = door
    git(remote.path, "update-ref", "refs/pull/7/head", "main")
    also = "+refs/pull/7/hea*:refs/remotes/origin/pull/7/hea*"
    assert with_record(clone, extend("a"), token=TOKEN, also=also) == "approved"
    assert git(clone, "rev-parse", "refs/remotes/origin/pull/7/head")
    assert with_record(clone, extend("b"), token=TOKEN, also=also.replace("7", "8")) == "approved"
    assert remote.ids()[-2:] == ["a", "b"]
    assert set(served.seen) == {served.key}
    written = [path.read_bytes() for path in (clone / ".git").rglob("*") if path.is_file()]
    assert not any(secret in data for data in written for secret in secrets())


def test_a_wrong_token_is_not_told(
    door: tuple[Path, type[Door]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clone, served = door
    served.key = "Basic other"
    arguments: list[str] = []
    real = subprocess.run

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        arguments.extend(command)
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ZooError) as caught:
        with_record(clone, extend("a"), token=TOKEN, attempts=1)
    said = " ".join([str(caught.value), *arguments]).encode()
    assert "terminal prompts disabled" in str(caught.value)
    assert not any(secret in said for secret in secrets())


def test_a_message_that_repeats_the_token(remote: Remote) -> None:
    clone = remote.clone("one")
    git(clone, "remote", "set-url", "origin", str(remote.folder / TOKEN))
    with pytest.raises(ZooError, match=r"fatal: '.*/\*\*\*' does not appear") as caught:
        with_record(clone, extend("a"), token=TOKEN, attempts=1)
    assert TOKEN not in str(caught.value)


def secrets() -> list[bytes]:
    """The token as it is, and as the header has it."""
    return [TOKEN.encode(), base64.b64encode(f"x-access-token:{TOKEN}".encode())]
