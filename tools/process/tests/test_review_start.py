"""`zoo review start`: the frozen version in a worktree, run there, and the draft of the review."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.process.review import reexecution
from tools.process.review.reviewfile import parse_review
from tools.process.review.worktrees import frozen_worktree
from tools.process.simulation.toy import fill_in
from tools.process.tests.reviews import COMMIT, FILE, REVIEW, assign, written
from tools.scaffold import create_entry
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER

if TYPE_CHECKING:
    from tools.process.tests.conftest import Term

CARD = """\
---
title: Toy
paper: {arxiv: "1502.03509", authors: [A], year: 2015}
family: autoregressive
developers: ["@dev-one"]
claims:
  - {id: a, dataset: d, metric: m, paper: {value: 1.0, where: "T"}, accept: "<= 2.0", recipe: r}
  - {id: b, dataset: d, metric: m, paper: {value: 1.0, where: "T"}, accept: ">= 2.0", recipe: r}
ai_assistance: none
---
"""


@pytest.fixture
def assigned(term: Term) -> Term:
    """Version 1 is frozen, its two reviewers have it in hand."""
    return assign(term, CARD)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Commands run in worktrees, which a stub answers: checks pass but one, claims partly."""
    seen: list[tuple[str, ...]] = []

    def run(tree: Path, *arguments: str) -> tuple[int, str]:
        seen.append(arguments[:3])
        if arguments[0] == "verify":
            said = "✔ toy a: 1.50 ± 0.10 nats agrees with the recorded 1.50 ± 0.10 (reproduced)\n"
            return 1, said + "– toy b: skipped, d is not on this machine\n"
        rows = [
            {"check": "card", "status": "pass", "findings": [], "note": "1 claim", "seconds": 0.1},
            {"check": "tests", "status": "fail", "note": "", "seconds": 1.0}
            | {"findings": [{"path": "zoo/toy", "rule": "no tests", "fix": "", "line": None}]},
        ]
        if "--static" not in arguments:
            ran = {"check": "execution", "status": "pass", "findings": [], "note": ""}
            rows.append(ran | {"seconds": 41.26})
        Path(arguments[arguments.index("--output") + 1]).write_text(json.dumps({"results": rows}))
        return 1, ""

    monkeypatch.setattr(reexecution, "run_zoo", run)
    return seen


def full(term: Term) -> None:
    """The policy lets the code of entries run."""
    policy = (term.root / "reviews/policy.yaml").read_text()
    term.write("reviews/policy.yaml", policy.replace("checks: static", "checks: full"))


# ------------------------------------------------------------------------------------- start


def test_start_writes_the_draft_with_its_evidence(assigned: Term, runs: list) -> None:
    full(assigned)
    said = assigned.zoo("review", "start", "toy", by="@rev-one")
    commit = assigned.state("toy").v1.commit
    assert runs == [("check", "toy", "--output"), ("verify", "toy")]
    assert f"the frozen version {commit[:12]} is in build/reviews/toy-v1\n" in said
    assert "checks: 1 of 3 failed (tests)\n" in said
    assert "rev-one.md, due " in said
    text = (assigned.root / FILE).read_text()
    for old, new in {
        "verdict: TODO": "verdict: partial",
        "recommendation: TODO": "recommendation: accept",
        "confidence: TODO": "confidence: low",
        "hours: 0": "hours: 1",
        "conflict_of_interest: TODO": "conflict_of_interest: none",
        "ai_use: TODO": "ai_use: none",
        "### mathematics:": "### mathematics: 1",
        "## Summary": "## Summary\n\nRead.",
        "## Strengths": "## Strengths\n\nShort.",
    }.items():
        text = text.replace(old, new, 1)
    found = parse_review(text, FILE).head.execution
    assert found.checks == {"card": "pass", "tests": "fail: zoo/toy: no tests", "execution": "pass"}
    assert (found.commit, found.at, found.notebook_seconds) == (
        commit,
        "2026-10-01T10:00:00Z",
        41.3,
    )
    a, b = found.claims
    assert (a.claim, a.accepted, a.recorded, a.measured) == ("a", "<= 2.0", "—", "1.50 ± 0.10")
    assert a.note == "agrees with the recorded value"
    assert (b.measured, b.note) == ("—", "not measured: skipped, d is not on this machine")


def test_start_again_renews_the_evidence_only(assigned: Term, runs: list) -> None:
    text = written(assigned)
    assigned.zoo("review", "start", "toy", by="@rev-one")
    once = (assigned.root / FILE).read_text()
    first, last = once.index("execution:\n"), once.index("---\n\n# Review")
    assert once[:first] + once[last:] == text
    assigned.at("2026-10-02T10:00:00Z")
    assigned.zoo("review", "start", "toy", by="@rev-one")
    later = once.replace("2026-10-01T10:00:00Z", "2026-10-02T10:00:00Z")
    assert (assigned.root / FILE).read_text() == later


def test_a_static_policy_and_no_verify_run_less(assigned: Term, runs: list) -> None:
    assigned.zoo("review", "start", "toy", by="@rev-one")
    full(assigned)
    said = assigned.zoo("review", "start", "toy", "--no-verify", by="@rev-one")
    assert runs == [("check", "toy", "--static"), ("check", "toy", "--output")]
    assert "b: measured — (recorded —, accepted >= 2.0); not measured: " in said


def test_start_refuses_a_file_it_cannot_extend_before_it_runs(assigned: Term, runs: list) -> None:
    written(assigned, text=REVIEW.replace("hours: 1.5", "hours: [1.5"))
    said = assigned.refused("review", "start", "toy", by="@rev-one")
    assert "rev-one.md:10: not valid YAML" in said
    assert runs == []


def test_only_reviewers_of_the_entry_start_lint_and_file(assigned: Term, runs: list) -> None:
    for verb in ("start", "lint", "file"):
        said = assigned.refused("review", verb, "toy", by="@rev-three")
        assert "@rev-three is not assigned to toy: its reviewers are @rev-one, @rev-two" in said
    assert runs == []


def test_checks_without_a_report_are_an_error(
    assigned: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reexecution, "run_zoo", lambda tree, *arguments: (3, ""))
    said = assigned.refused("review", "start", "toy", by="@rev-one")
    assert "zoo check toy came to no report (status 3)" in said
    assert not (assigned.root / FILE).exists()


@pytest.mark.parametrize(
    ("said", "measured", "note"),
    [
        ("✔ toy a: 1e-05 agrees with the recorded 1e-05 (partial)", "1e-05", "agrees with the"),
        ("✔ toy a: 15.67 ± 0.29 x real floor agrees with the recorded 1", "15.67 ± 0.29", "agrees"),
        ("✖ toy a: 1.50 ± 0.10 nats: recorded 1.20 ± 0.10; they differ", "1.50 ± 0.10", "recorded"),
        ("✖ toy a: never measured: zoo verify toy --record", "—", "not measured: never measured"),
        ("✖ toy a: no weights of toy: zoo train toy", "—", "not measured: no weights of toy"),
        ("Traceback", "—", "not measured: zoo verify ended with status 1: Traceback"),
    ],
)
def test_what_verify_says_is_read(
    assigned: Term, monkeypatch: pytest.MonkeyPatch, said: str, measured: str, note: str
) -> None:
    monkeypatch.setattr(reexecution, "_checks", lambda tree, model, static: ({}, None))
    monkeypatch.setattr(reexecution, "run_zoo", lambda tree, *arguments: (1, said + "\n"))
    found = reexecution.execute(
        assigned.root, "toy", COMMIT, static=False, verify=True, say=lambda what: None
    )
    assert found.claims[0].measured == measured
    assert found.claims[0].note.startswith(note)


def test_the_tree_runs_its_own_tools_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    (tree / "tools").mkdir(parents=True)
    (tree / "tools" / "__init__.py").write_text("")
    (tree / "tools" / "cli.py").write_text(
        "import os, sys\ndef main():\n    print(sys.argv[1:], os.getcwd(), *sorted(os.environ))\n"
    )
    for name in ("ZOO_PRIVATE", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "ZOO_ROOT", "ZOO_HANDLE"):
        monkeypatch.setenv(name, "x")
    status, said = reexecution.run_zoo(tree, "check", "toy")
    assert status == 0
    assert said.startswith(f"['check', 'toy'] {tree} ")
    names = said.split()[3:]
    assert "PYTHONPATH" in names
    assert not [name for name in names if name.startswith(("ZOO_", "GITHUB", "AWS"))
                and name != "ZOO_DATA"]  # fmt: skip


def test_a_real_entry_is_checked_by_its_own_tools(term: Term) -> None:
    source = ZOO_FOLDER.parent
    for folder in ("tools", "zoo/core", "templates"):
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source / folder, term.root / folder, ignore=skip)
    for path in ("pyproject.toml", "zoo/__init__.py"):
        shutil.copy(source / path, term.root / path)
    create_entry(term.root, "toy", "Masked Autoencoder", "1502.03509", "autoregressive")
    fill_in(term.root / "zoo" / "toy")
    term.git("add", ".")
    term.git("commit", "--quiet", "-m", "A toy")
    commit = term.git("rev-parse", "HEAD")
    tree = frozen_worktree(term.root, "toy", commit)
    (term.root / "zoo/toy/model.py").write_text("import nothing_of_this_is_frozen\n")
    said: list[str] = []
    found = reexecution.execute(tree, "toy", commit, static=True, verify=True, say=said.append)
    assert said == ["zoo check toy --static"]
    failed = {name: verdict for name, verdict in found.checks.items() if verdict[:4] == "fail"}
    assert failed.keys() == {"layout", "evidence"}  # nobody drew samples or trained
    assert failed["layout"].startswith("fail: zoo/toy/samples.png: ")
    assert found.checks["imports"] == "pass"
    assert found.notebook_seconds is None
    assert [(row.claim, row.measured) for row in found.claims] == [("digits-nll", "—")]


# -------------------------------------------------------------------------------- worktrees


def test_a_worktree_is_made_once_and_mended(assigned: Term) -> None:
    root, commit = assigned.root, assigned.state("toy").v1.commit
    tree = frozen_worktree(root, "toy", commit)
    assert assigned.git("-C", str(tree), "rev-parse", "HEAD") == commit
    assert assigned.git("-C", str(tree), "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    inode = tree.stat().st_ino
    (tree / "zoo/toy/model.py").unlink()  # an interrupted checkout
    assigned.git("-C", str(tree), "checkout", "-q", "--detach", f"{commit}~1")
    assert frozen_worktree(root, "toy", commit).stat().st_ino == inode
    assert assigned.git("-C", str(tree), "rev-parse", "HEAD") == commit
    assert (tree / "zoo/toy/model.py").is_file()


@pytest.mark.parametrize("damage", ["no link", "no folder", "forgotten", "locked index", "a file"])
def test_a_broken_worktree_is_made_again(assigned: Term, damage: str) -> None:
    root, commit = assigned.root, assigned.state("toy").v1.commit
    tree = frozen_worktree(root, "toy", commit)
    if damage == "no link":
        (tree / ".git").unlink()
    elif damage == "no folder":
        os.rename(tree, root / "gone")
        assigned.git("worktree", "lock", str(tree))
    elif damage == "forgotten":
        (tree / ".git").write_text("gitdir: /nowhere\n")
    elif damage == "locked index":
        Path(assigned.git("-C", str(tree), "rev-parse", "--absolute-git-dir"), "index.lock").touch()
    else:
        (tree / ".git").unlink()
        (tree / ".git").mkdir()
    frozen_worktree(root, "toy", commit)
    assert assigned.git("-C", str(tree), "rev-parse", "HEAD") == commit
    assert assigned.git("-C", str(tree), "status", "--porcelain") == ""


def test_a_reviewers_experiments_are_not_lost(assigned: Term) -> None:
    root, commit = assigned.root, assigned.state("toy").v1.commit
    tree = frozen_worktree(root, "toy", commit)
    (tree / "zoo/toy/model.py").write_text("planted = 1\n")
    with pytest.raises(ZooError, match=r"toy-v1: zoo/toy/model.py is not as it was frozen; keep"):
        frozen_worktree(root, "toy", commit)
    assert (tree / "zoo/toy/model.py").read_text() == "planted = 1\n"
    assigned.git("-C", str(tree), "checkout", "-q", ".")
    (tree / "zoo/toy/extra.py").write_text("")
    with pytest.raises(ZooError, match=r"zoo/toy/extra.py is not as it was frozen"):
        frozen_worktree(root, "toy", commit)


def test_a_commit_that_the_clone_lacks_is_one_line(assigned: Term) -> None:
    with pytest.raises(ZooError, match="lacks the frozen commit 0123456789ab: git fetch --tags"):
        frozen_worktree(assigned.root, "toy", COMMIT)
