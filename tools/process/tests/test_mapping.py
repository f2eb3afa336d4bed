"""The mapping of findings from version 1 to version 2, edge by edge and against an oracle."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.process.findings import Finding, parse_place
from tools.process.response.mapping import Mapped, hunks_at, map_finding, map_findings, split_lines
from zoo.core.errors import ZooError

OLD = [f"line {number}" for number in range(1, 21)]  # the range in question is lines 8 to 10


def finding(place: str) -> Finding:
    where = parse_place(place)
    return Finding("F01", "A title", "mistake", "code", "minor", where, "line 8", "", "", "")


def text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def mapped(new: list[str] | str | None, place: str = "a.py:8-10", path: str = "a.py") -> Mapped:
    return map_finding(finding(place), text(OLD), text(new) if isinstance(new, list) else new, path)


def without(first: int, last: int) -> list[str]:
    """OLD without some lines, counted from 1."""
    return OLD[: first - 1] + OLD[last:]


def edited(first: int, last: int, *new: str) -> list[str]:
    """OLD with lines first..last replaced; nothing is taken away where last is first - 1."""
    return [*OLD[: first - 1], *new, *OLD[last:]]


@pytest.mark.parametrize(
    ("new", "status", "place"),
    [
        (OLD, "untouched", "a.py:8-10"),
        (edited(7, 6, "new"), "untouched", "a.py:9-11"),  # before the neighbour above
        (edited(8, 7, "new"), "touched", "a.py:9-11"),  # directly before the first line
        (edited(9, 8, "new"), "touched", "a.py:8-11"),  # inside
        (edited(11, 10, "new"), "touched", "a.py:8-10"),  # directly behind the last line
        (edited(12, 11, "new"), "untouched", "a.py:8-10"),  # behind the neighbour below
        (edited(8, 8, "new"), "touched", "a.py:8-10"),
        (edited(10, 10, "new"), "touched", "a.py:8-10"),
        (edited(7, 7, "new"), "untouched", "a.py:8-10"),  # the neighbour, as many lines as before
        (edited(11, 11, "new"), "untouched", "a.py:8-10"),
        (edited(7, 7, "new", "more"), "touched", "a.py:9-11"),  # the neighbour, and lines added
        (edited(11, 11, "new", "more"), "touched", "a.py:8-10"),
        (edited(6, 7, "new"), "untouched", "a.py:7-9"),  # fewer lines beside it
        (edited(7, 8, "new", "more"), "touched", "a.py:7-10"),
        (edited(8, 10, "new"), "touched", "a.py:8"),
        (without(8, 8), "touched", "a.py:8-9"),
        (without(8, 10), "deleted", None),
        (without(5, 15), "deleted", None),
        (without(7, 7), "untouched", "a.py:7-9"),
        (["all", "new"], "touched", "a.py:1-2"),
        ([], "deleted", None),
        (None, "file-deleted", None),
        ([*OLD[:7], *OLD[10:], *OLD[7:10]], "moved", "a.py:18-20"),  # cut, and pasted at the end
        (text(OLD).replace("\n", "\r\n"), "untouched", "a.py:8-10"),
        (text(OLD).rstrip("\n"), "untouched", "a.py:8-10"),
        (text(edited(8, 8, "new")).replace("\n", "\r\n"), "touched", "a.py:8-10"),
    ],
)
def test_an_edit_touches_by_the_rule(
    new: list[str] | str | None, status: str, place: str | None
) -> None:
    result = mapped(new)
    assert (result.status, result.new_place and str(result.new_place)) == (status, place)
    assert bool(result.hunks) == (status in ("touched", "deleted", "moved"))
    assert result.changed == (status != "untouched")


@pytest.mark.parametrize(
    ("old", "new", "status", "place"),
    [
        ("", "", "untouched", "a.py:8-10"),
        ("", "a\nb\n", "touched", "a.py:1-2"),
        (None, None, "untouched", "a.py:8-10"),  # a missing file that is still missing
        (None, "", "untouched", "a.py:8-10"),
        (None, "a\nb\n", "touched", "a.py:1-2"),  # the file was added
        ("a\nb\n", "a\nb\nc\n", "touched", "a.py:2"),  # behind the end: the last line
        ("a\nb\n", "c\na\nb\n", "untouched", "a.py:3"),
        ("a\f\nb\n" + "c\n" * 9, "a\f\nB\n" + "c\n" * 9, "untouched", "a.py:8-10"),
    ],
)
def test_files_that_are_short_or_absent(
    old: str | None, new: str | None, status: str, place: str
) -> None:
    result = map_finding(finding("a.py:8-10"), old, new, "a.py")
    assert (result.status, str(result.new_place)) == (status, place)


def test_a_renamed_file_moves_its_findings() -> None:
    moved = mapped(edited(2, 2), path="b.py")
    assert (moved.status, str(moved.new_place), moved.changed) == ("moved", "b.py:7-9", False)
    touched = mapped(edited(9, 9, "new"), path="b.py")
    assert (touched.status, str(touched.new_place)) == ("touched", "b.py:8-10")
    files = {"b.py": text(OLD)}
    both = {"one/F01": finding("a.py:8-10"), "two/F01": finding("c.py:1")}
    found = map_findings(both, {"a.py": text(OLD)}.get, files.get, {"a.py": "b.py"})
    assert [str(found[key].new_place) for key in both] == ["b.py:8-10", "c.py:1"]


def test_only_the_hunks_that_touch_are_shown() -> None:
    new = edited(9, 9, "new")
    new[0], new[19] = "far above", "far below"
    (hunk,) = mapped(new).hunks
    assert str(hunk).splitlines() == [
        "@@ -6,7 +6,7 @@",
        " line 6",
        " line 7",
        " line 8",
        "-line 9",
        "+new",
        " line 10",
        " line 11",
        " line 12",
    ]
    (added,) = map_finding(finding("a.py:1"), None, "x\n", "a.py").hunks
    assert (added.header, added.lines) == ("@@ -0,0 +1 @@", ("+x",))


def test_hunks_are_found_from_their_new_place_too() -> None:
    old, new = text(OLD), text(edited(9, 9, "new", "more"))
    hunks = mapped(new).hunks
    for place, found in (("a.py:8", ()), ("a.py:9", hunks), ("a.py:9-30", hunks), ("a.py:11", ())):
        assert hunks_at(parse_place(place), old, new) == found
    assert hunks_at(parse_place("b.py:1"), None, "x\n")[0].lines == ("+x",)
    (cell,) = hunks_at(parse_place("n.ipynb#b"), notebook(B), notebook(("b", "x\nz\n")))
    assert cell.lines == (" x", "-y", "+z")
    assert hunks_at(parse_place("n.ipynb#b"), notebook(B), notebook(A, B)) == ()
    # Where lines were only taken away, the place beside them shows the hunk.
    (gone,) = hunks_at(parse_place("a.py:8"), old, text(without(9, 9)))
    assert "-line 9" in gone.lines


def test_a_repeated_block_has_not_moved() -> None:
    old = "head\nx = 1\nmiddle\nx = 1\ntail\n"
    new = "head\nmiddle\nx = 1\ntail\n"
    assert map_finding(finding("a.py:2"), old, new, "a.py").status == "deleted"


# ------------------------------------------------------------------------------ notebooks


def notebook(*cells: tuple[str, str], kind: str = "code", **extra: object) -> str:
    rows = [{"id": name, "cell_type": kind, "source": [source], **extra} for name, source in cells]
    return json.dumps({"cells": rows})


A, B, C, D = ("a", "1\n2\n"), ("b", "x\ny\n"), ("c", "3\n"), ("d", "4\n")


@pytest.mark.parametrize(
    ("new", "status", "place"),
    [
        (notebook(A, B, C, D), "untouched", "n.ipynb#b"),
        (notebook(A, B, C, D, outputs=["much"], metadata={"tags": []}), "untouched", "n.ipynb#b"),
        (notebook(A, ("new", "0\n"), B, C, D), "untouched", "n.ipynb#b"),
        (notebook(B, D), "untouched", "n.ipynb#b"),
        (notebook(C, A, B, D), "untouched", "n.ipynb#b"),  # another cell moved away
        (notebook(A, C, D, B), "moved", "n.ipynb#b"),
        (notebook(A, ("fresh", "x\ny\n"), C, D), "untouched", "n.ipynb#fresh"),  # new ids
        (notebook(A, C, D, ("fresh", "x\ny\n")), "moved", "n.ipynb#fresh"),
        (notebook(A, ("b", "x\nz\n"), C, D), "touched", "n.ipynb#b"),
        (notebook(A, ("b", ""), C, D), "touched", "n.ipynb#b"),
        (notebook(A, B, C, D, kind="markdown"), "touched", "n.ipynb#b"),
        (notebook(A, C, D), "deleted", None),
        (None, "file-deleted", None),
    ],
)
def test_cells_are_followed_by_id(new: str | None, status: str, place: str | None) -> None:
    result = map_finding(finding("n.ipynb#b"), notebook(A, B, C, D), new, "n.ipynb")
    assert (result.status, result.new_place and str(result.new_place)) == (status, place)
    assert bool(result.hunks) == (status in ("touched", "deleted"))


def test_a_deleted_cell_is_not_taken_for_its_twin() -> None:
    twins = notebook(A, ("b", A[1]))
    assert map_finding(finding("n.ipynb#b"), twins, notebook(A), "n.ipynb").status == "deleted"


def test_a_cells_hunks_are_those_of_its_source() -> None:
    old, new = notebook(A, B), notebook(A, ("b", "x\nz\n"), kind="markdown")
    kind, source = map_finding(finding("n.ipynb#b"), old, new, "n.ipynb").hunks
    assert kind.lines == ("-code", "+markdown")
    assert (source.path, source.header) == ("n.ipynb#b", "@@ -1,2 +1,2 @@")
    assert source.lines == (" x", "-y", "+z")


def test_a_broken_notebook_is_one_line() -> None:
    with pytest.raises(ZooError, match=r"^n\.ipynb is no notebook .*: save it anew$"):
        map_finding(finding("n.ipynb#b"), notebook(B), '{"cells": 1}', "n.ipynb")


# ----------------------------------------------------------------------- against an oracle


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[str], list[str], int, int]:
    """(old lines, new lines, first, last): every line has a tag of its own that it keeps."""
    size = draw(st.integers(1, 12))
    old = [f"old {number}" for number in range(size)]
    new: list[str] = []
    for line in [*old, None]:
        new += [f"new {len(new)} {n}" for n in range(draw(st.sampled_from([0, 0, 0, 1, 2])))]
        if line is not None and draw(st.integers(0, 3)):
            new.append(line)
    first = draw(st.integers(1, size))
    return old, new, first, draw(st.integers(first, size))


def gap(lines: list[str], before: str | None, behind: str | None) -> int:
    """How many lines stand between two others; None is the edge of the file."""
    start = lines.index(before) + 1 if before else 0
    return (lines.index(behind) if behind else len(lines)) - start


@settings(max_examples=600, deadline=None)
@given(histories())
def test_an_independent_tracking_of_tagged_lines_agrees(
    history: tuple[list[str], list[str], int, int],
) -> None:
    old, new, first, last = history
    inside, kept = old[first - 1 : last], [line for line in old if line in new]
    gone = [line for line in inside if line not in new]
    if gone:
        touched = True
    else:
        # Nothing of the range is gone: lines were added in it, or beside it where the gap grew.
        above = next((line for line in reversed(old[: first - 1]) if line in new), None)
        below = next((line for line in old[last:] if line in new), None)
        edges = [above, *inside, below]
        touched = any(gap(new, *pair) > gap(old, *pair) for pair in pairwise(edges))
    result = map_finding(finding(f"a.py:{first}-{last}"), text(old), text(new), "a.py")
    assert (result.status != "untouched") == touched == bool(result.hunks)
    assert bool(hunks_at(result.finding.place, text(new), text(old))) == touched

    survivors = [line for line in inside if line in kept]
    if result.new_place is None:
        assert result.status == "deleted"
        assert not survivors
        return
    there = new[result.new_place.first - 1 : result.new_place.last]
    assert [line for line in there if line in old] == [line for line in kept if line in there]
    assert set(survivors) <= set(there)
    if not touched:
        assert there == inside
    shown = "".join(line[1:] for hunk in result.hunks for line in hunk.lines if line[0] == "-")
    assert all(line in shown for line in gone)


@given(st.text(alphabet="a\r\n\f", max_size=12))
def test_lines_are_counted_as_git_counts_them(content: str) -> None:
    lines = split_lines(content)
    assert len(lines) == content.count("\n") + (not content.endswith("\n") and bool(content))
