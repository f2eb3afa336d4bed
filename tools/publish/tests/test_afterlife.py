"""The badge of what still runs: what is claimed, when, and what of a strange file is believed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tools.cli import main
from tools.notebooks import NotebookResult
from tools.process.git import git
from tools.publish import afterlife
from tools.publish.afterlife import (
    Check,
    ClaimCheck,
    EntryCheck,
    NotebookCheck,
    badge,
    check_text,
    read_check,
    rerun,
)
from tools.publish.site import entries, gallery
from tools.publish.site.build import build
from tools.publish.site.zoo import Zoo
from tools.publish.tests.conftest import measured, notebook
from zoo.core.errors import ZooError
from zoo.core.evidence import Result, save_results
from zoo.core.registry import Entry

RAN = EntryCheck(
    NotebookCheck(True, 12.3),
    {"a": ClaimCheck("agrees", "87.50 ± 0.25"), "b": ClaimCheck("skipped", "mnist")},
)
STOPPED = EntryCheck(NotebookCheck(False, 2.0, "ImportError: no module named 'x'"))
OTHER = EntryCheck(NotebookCheck(True, 9.0), {"a": ClaimCheck("differs", "95.00")})
CHECK = Check("2026-11-03T04:17:00Z", "3.11.9", "2.13.0+cpu", {"alpha": RAN})


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_NOW", "2026-11-03T04:17:00Z")


def test_without_a_check_nothing_is_claimed(small_zoo: Zoo) -> None:
    assert badge(small_zoo, "alpha") is None
    assert badge(replace(small_zoo, checked=CHECK), "beta") is None


def test_badges(small_zoo: Zoo) -> None:
    found = badge(replace(small_zoo, checked=CHECK), "alpha")
    assert (found.kind, found.text) == ("ok", "still runs: 3 Nov 2026")
    assert found.detail == (
        "The notebook ran in 12 s (Python 3.11.9, torch 2.13.0+cpu); 1 of 2 claims measured again "
        "and confirmed; 1 not measured, for want of data."
    )
    stopped = badge(replace(small_zoo, checked=replace(CHECK, entries={"alpha": STOPPED})), "alpha")
    assert (stopped.kind, stopped.text) == ("miss", "stopped running: 3 Nov 2026")
    assert stopped.detail.endswith("ImportError: no module named 'x'")
    other = badge(replace(small_zoo, checked=replace(CHECK, entries={"alpha": OTHER})), "alpha")
    assert (other.kind, other.text) == ("partial", "runs, numbers differ: 3 Nov 2026")
    assert other.detail.endswith("; other numbers than recorded: a.")


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    check = replace(CHECK, entries={"alpha": RAN, "beta": STOPPED, "gamma": OTHER})
    path = tmp_path / "check.json"
    path.write_text(check_text(check))
    assert read_check(path) == check


def _changed(**changes: object) -> str:
    return json.dumps({**json.loads(check_text(CHECK)), **changes})


def _entry(**changes: object) -> str:
    row: dict[str, Any] = json.loads(check_text(CHECK))["entries"]["alpha"]
    return _changed(entries={"alpha": {**row, **changes}})


RUN = {"ok": True, "seconds": 1.0, "error": ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "recursion"),
        ("[]", "keys are not schema, at, python, torch, entries"),
        (_changed(schema=2), "schema 1 is read"),
        (_changed(extra=1), "keys are not"),
        (_changed(at="yesterday"), "time data"),
        (_changed(at=3), "no short line of text"),
        (_changed(at="2026-11-04T04:17:00Z"), "it is of the future"),
        (_changed(python="<script>"), "'python' is no version"),
        (_changed(entries=[]), "no list of names"),
        (_changed(entries={"../x": {}}), "a name that none is"),
        (_changed(entries={"alpha": {}}), "keys are not notebook, claims"),
        (_entry(notebook={**RUN, "ok": 1}), "'ok' is true or false"),
        (_entry(notebook={**RUN, "seconds": -1}), "'seconds' is no time"),
        (_entry(notebook={**RUN, "seconds": float("nan")}), "'seconds' is no time"),
        (_entry(notebook={**RUN, "seconds": True}), "'seconds' is no time"),
        (_entry(notebook={**RUN, "error": "two\nlines"}), "no short line of text"),
        (_entry(notebook={**RUN, "error": "x" * 201}), "no short line of text"),
        (_entry(notebook={**RUN, "error": "a\u202eb"}), "no short line of text"),
        (_entry(claims={"a": {"outcome": "reproduced", "note": ""}}), "unknown outcome"),
        (_entry(claims={"A b": {"outcome": "agrees", "note": ""}}), "a name that none is"),
        (_changed(torch="x" * 300_000), "more than 262144 bytes"),
    ],
)
def test_of_a_strange_file_nothing_is_believed(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "check.json"
    path.write_text(text)
    with pytest.raises(ZooError) as caught:
        read_check(path)
    assert said in str(caught.value)
    assert "no result of zoo publish recheck" in str(caught.value)
    assert "\n" not in str(caught.value)


def _entries(root: Path) -> list[Entry]:
    return [Entry(name, root / "zoo" / name) for name in ("alpha", "beta")]


def test_notebooks_run_afresh_and_claims_are_measured(
    small_zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_zoo.root
    (root / "zoo/alpha/demo.ipynb").write_bytes(notebook("# Alpha", "print(6 * 7)", ""))
    (root / "zoo/beta/demo.ipynb").write_bytes(notebook("# Beta", "1 / 0", ""))
    (root / "zoo/alpha/weights").mkdir()
    (root / "zoo/alpha/weights/digits.safetensors").write_bytes(b"w")
    digest = "50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326"
    old = measured(weights=digest)
    save_results(root / "zoo/alpha", {old.claim: old})
    new = [old]

    def again(entry: Entry, claim: object) -> Result:
        if isinstance(new[0], Exception):
            raise new[0]
        return new[0]

    monkeypatch.setattr("zoo.core.measure.measure_claim", again)
    said: list[str] = []
    check = rerun(_entries(root), said.append)
    assert check.at == "2026-11-03T04:17:00Z"
    assert check.entries["alpha"].notebook.ok
    assert check.entries["alpha"].claims == {"digits-elbo": ClaimCheck("agrees", "87.50 ± 0.25")}
    stopped = check.entries["beta"].notebook
    assert (stopped.ok, stopped.error) == (False, "ZeroDivisionError: division by zero")
    assert check.entries["beta"].claims["digits-elbo"] == ClaimCheck("differs", "never measured")
    assert [line[0] for line in said] == ["✔", "✔", "✖", "✖"]
    assert not (root / "build").exists()  # neither the cache nor what was executed before
    path = root / "check.json"
    path.write_text(check_text(check))
    assert read_check(path) == check

    alpha = _entries(root)[0]
    for found, outcome, note in (
        (replace(old, value=95.0), "differs", "95.00 ± 0.25; recorded 87.50 ± 0.25; they differ"),
        (replace(old, data="f" * 64), "differs", "the test data are not the recorded ones"),
        (RuntimeError("no such\nlayer"), "differs", "RuntimeError: no such layer"),
    ):
        new[0] = found
        claim = afterlife._measured(alpha, alpha.card.claims[0])
        assert claim.outcome == outcome
        assert note in claim.note
    (root / "zoo/alpha/weights/digits.safetensors").write_bytes(b"another")
    claim = afterlife._measured(alpha, alpha.card.claims[0])
    assert claim.note == "the weights are not the recorded ones"
    absent = replace(alpha.card.claims[0], dataset="mnist")
    monkeypatch.setattr(afterlife, "is_available", lambda name: False)
    assert afterlife._measured(alpha, absent) == ClaimCheck("skipped", "mnist is not at hand")


def test_nothing_is_answered_from_a_cache(small_zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def run(path: Path, **options: Any) -> NotebookResult:
        asked.append(options)
        return NotebookResult(path, "executed", 1.0)

    monkeypatch.setattr("tools.notebooks.run_notebook", run)
    rerun(_entries(small_zoo.root))
    assert [options["cache"] for options in asked] == [None, None]
    assert not any(options["out"].exists() for options in asked)


def test_the_command_looks_at_published_entries_alone(
    small_zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_ROOT", str(small_zoo.root))
    out = small_zoo.root / "build" / "still-runs.json"
    said = CliRunner().invoke(
        main, ["publish", "recheck", "--out", str(out)], catch_exceptions=False
    )
    assert said.exit_code == 0
    assert "0 entries, 0 stopped running" in said.output  # none is published
    assert read_check(out).entries == {}


def test_the_site_is_not_built_with_a_strange_file(
    small_zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_ROOT", str(small_zoo.root))
    strange = small_zoo.root / "check.json"
    strange.write_text(_changed(python="<script>"))
    before = git(small_zoo.root, "status", "--porcelain", "--ignored")
    said = CliRunner().invoke(main, ["publish", "site", "--preview", "--checked", str(strange)])
    assert said.exit_code == 1
    assert "'python' is no version" in said.stderr
    assert git(small_zoo.root, "status", "--porcelain", "--ignored") == before


def test_the_badge_stands_on_both_pages_as_text(small_zoo: Zoo, tmp_path: Path) -> None:
    hostile = EntryCheck(NotebookCheck(False, 1.0, "<script>alert(1)</script>"))
    checked = replace(CHECK, entries={"alpha": hostile})
    out = tmp_path / "site"
    build(replace(small_zoo, checked=checked), out, sections=(gallery.pages, entries.pages))
    for name in ("index.html", "entries/alpha.html"):
        assert "stopped running: 3 Nov 2026" in (out / name).read_text(), name
    page = (out / "entries/alpha.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "stopped running" not in (out / "entries/beta.html").read_text()
