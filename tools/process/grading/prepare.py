"""Making grading sheets, and adding to them what is new, without touching a letter in them.

New keys are written as text behind the last one of their mapping, so that comments, quotes and the
order of things stay. What comes out is read again: it must say what it said before, and the new.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.process.ledger.state import Submission
from tools.process.rules.policy import Policy, RubricItem
from tools.text import one_line
from zoo.core.errors import ZooError

HEAD = """\
# yaml-language-server: $schema={schemas}/sheet.schema.json
# Grading sheet of {model}. Private: it never goes into the repository.
# zoo grade --prepare adds what is new and touches nothing else; null means "not yet".
"""
OWN = """
# Your own findings. Do not list what a reviewer reported: adjudicate that below. For example:
# - {id: I01, title: The mask admits the pixel itself, severity: major, version: v1,
#    place: "zoo/vae/model.py:40", quote: "tril(0)", outcome: null}
# outcome: what became of a finding in v1 in v2 (verified, partial, not-fixed).
findings: []
"""
ADJUDICATIONS = """
# verdict: valid, invalid, or duplicate with of: (another key, or I01). Where needed, with valid:
# severity: (the right one), outcome: (what became of it in v2). note: is read by those concerned.
adjudications: {}
"""
RATINGS = """
# Points of each review, and a note: that its writer will read.
ratings: {}
"""

OVERRIDES = """\
# yaml-language-server: $schema={schemas}/overrides.schema.json
# Grades set by hand; they stand beside the computed ones. For example:
# - {{who: "@dev-one", part: final, value: 85, reason: "illness in the last week"}}
# part: v1, v2, review or final. The reason is read by the person.
overrides: []
"""


def fresh(model: str, schemas: Path) -> str:
    """The sheet of an entry about which nothing is known yet; `schemas` is for editors."""
    rubric = "\nrubric:\n  v1: {}\n  v2: {}\n"
    return HEAD.format(model=model, schemas=schemas) + rubric + OWN + ADJUDICATIONS + RATINGS


def extended(text: str, state: Submission, policy: Policy, titles: Mapping[str, str]) -> str:
    """A sheet's text with everything that it lacks.

    Args:
        text: of the sheet.
        state: of the entry.
        policy: for the rubrics.
        titles: of the findings, by key.

    Raises:
        ZooError: the text is laid out so that nothing can be added.
    """
    for version in ("v1", "v2"):
        text = _with_items(text, ("rubric", version), getattr(policy.rubric, version))
    findings = {key: {"verdict": None} for key in sorted(state.findings)}
    about = {
        key: f"{severity}: {titles[key]}" if key in titles else severity
        for key, severity in state.findings.items()
    }
    text = add(text, ("adjudications",), findings, about)
    for handle, review in sorted(state.reviews.items()):
        if review.status == "revealed":
            name = handle.removeprefix("@")
            text = add(text, ("ratings",), {name: {"points": {}, "note": ""}})
            text = _with_items(text, ("ratings", name, "points"), policy.rubric.review)
    return text


def _with_items(text: str, place: tuple[str, ...], items: Sequence[RubricItem]) -> str:
    """Rubric items without points where they are lacking."""
    about = {item.id: f"of {item.points:g}: {item.question}" for item in items}
    return add(text, place, dict.fromkeys(about), about)


def add(
    text: str,
    place: tuple[str, ...],
    new: Mapping[str, Any],
    about: Mapping[str, str] | None = None,
) -> str:
    """YAML text with those of the `new` keys that the mapping at `place` does not have yet.

    Args:
        text: YAML.
        place: keys from the top.
        new: values by key: None, text, or mappings of these.
        about: comments by key.
    """
    data = yaml.safe_load(text)
    target = data
    for key in place:
        target = _value(target, key, place)
    lacking = {key: value for key, value in new.items() if key not in target}
    if not lacking:
        return text
    added = _inserted(text, place, lacking, about or {})
    target.update(lacking)
    try:
        same = yaml.safe_load(added) == data
    except yaml.YAMLError:
        same = False
    if not same:
        wanted = ", ".join(lacking)
        raise ZooError(f"nothing can be added to '{'.'.join(place)}': write there: {wanted}")
    return added


def _value(mapping: Any, key: str, place: tuple[str, ...]) -> dict[str, Any]:
    """A mapping below a mapping."""
    if not isinstance(mapping.get(key), dict):
        raise ZooError(f"the key '{'.'.join(place)}' is gone: write it again, with {{}} behind it")
    return mapping[key]


def _inserted(
    text: str, place: tuple[str, ...], new: Mapping[str, Any], about: Mapping[str, str]
) -> str:
    """The text with new keys at the end of a mapping, in the style it is written in."""
    node, column, flow = yaml.compose(text, yaml.SafeLoader), 0, False
    for key in place:
        pair = next(pair for pair in node.value if pair[0].value == key)
        flow, column, node = flow or node.flow_style, pair[0].start_mark.column, pair[1]
    start, end = node.start_mark.index, node.end_mark.index
    if flow or (node.flow_style and node.value):
        inside = text[start : end - 1].rstrip()
        comma = "" if inside[-1] in "{," else ", "
        return text[: end - 1] + comma + json.dumps(new, ensure_ascii=False)[1:-1] + text[end - 1 :]
    if node.value:
        column = node.start_mark.column
        at = _end(text, node, column)
    else:  # {}: its line stays, with its comment
        column += 2
        before = text[:start].rstrip(" ")
        text = before + text[end:]
        at = _line_end(text, len(before))
    newline = "\r\n" if "\r\n" in text else "\n"
    block = "".join(" " * column + line + newline for line in _block(new, about))
    gap = "" if text[:at].endswith("\n") else newline
    return text[:at] + gap + block + text[at:]


def _end(text: str, node: yaml.MappingNode, column: int) -> int:
    """Where the lines of a block mapping end, with comments that stand as deep as its keys."""
    last = node
    while last.value and isinstance(last, yaml.CollectionNode) and not last.flow_style:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    at = last.end_mark.index
    at = at if text[at - 1] == "\n" else _line_end(text, at)
    comment = re.compile(rf"(?:[ \t]*\r?\n)*[ ]{{{column},}}#[^\n]*(?:\n|$)")
    while column and (match := comment.match(text, at)):
        at = match.end()
    return at


def _line_end(text: str, at: int) -> int:
    """The beginning of the next line."""
    return text.find("\n", at) + 1 or len(text)


def _block(new: Mapping[str, Any], about: Mapping[str, str]) -> Iterator[str]:
    """Lines of a block mapping."""
    for key, value in new.items():
        name = key if yaml.safe_load(key) == key else json.dumps(key)
        comment = f" # {one_line(about[key])}" if key in about else ""
        if isinstance(value, dict) and value:
            yield f"{name}:{comment}"
            yield from ("  " + line for line in _block(value, {}))
        else:
            yield f"{name}: {json.dumps(value)}{comment}"
