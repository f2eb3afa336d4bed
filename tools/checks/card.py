"""The model card: its keys, what they refer to, and its prose."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.cards import CARD, EXAMPLES, PLACEHOLDER, placeholders
from tools.checks.findings import Finding, Skip
from tools.checks.registry import check
from tools.checks.subject import Subject
from tools.documents import build
from tools.scaffold import ARXIV
from tools.yamltext import Broken, Markdown, Problem
from zoo.core.cards import parse_accept
from zoo.core.errors import ZooError, nearest

SECTIONS = {
    "What this is": "the idea of the paper and what this entry does of it",
    "Use": "the commands that sample, train and verify it",
    "Results": "the measured values beside the paper's, with protocol, hardware and time",
    "Deviations": "what differs from the paper, numbered, each with its reason",
    "Limitations": "what was not reproduced, and where the model fails",
}
HANDLE = re.compile(r"@[A-Za-z0-9]+(-[A-Za-z0-9]+)*(/[A-Za-z0-9_.-]+)?")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@check("card", needs=("syntax",))
def card(subject: Subject) -> Iterator[Finding]:
    """The card fits its schema, what it names exists, and no section is missing."""
    path = subject.folder / "README.md"
    if not path.is_file():
        raise Skip("there is no card")
    place = subject.relative(path)
    try:
        text = Markdown(subject.text(path))
    except Broken as broken:
        problems = [broken.problem]
    else:
        left, wrong = list(placeholders(text)), build(CARD, text)[1]
        problems = left + [p for p in wrong if p.key not in {q.key for q in left}]
        if not wrong:
            problems += _references(subject, text)
        problems += _prose(text)
        problems.sort(key=lambda problem: problem.line or 0)
    for problem in problems:
        yield Finding(place, problem.rule, problem.fix, problem.line)


def recipe_names(subject: Subject) -> list[str] | None:
    """Keys of the literal dictionary RECIPES in recipe.py; None when there is none."""
    tree = subject.trees.get(subject.folder / "recipe.py", ast.Module([], []))
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named = any(isinstance(t, ast.Name) and t.id == "RECIPES" for t in targets)
        if named and isinstance(node.value, ast.Dict):
            return [k.value for k in node.value.keys if isinstance(k, ast.Constant)]
    return None


def _references(subject: Subject, text: Markdown) -> Iterator[Problem]:
    """Rules on values, and on what they refer to."""
    data = text.data

    paper = data["paper"]
    if PLACEHOLDER not in paper["arxiv"] and not ARXIV.fullmatch(paper["arxiv"]):
        fix = f"write it as in {EXAMPLES['arxiv']}"
        yield text.problem(("paper", "arxiv"), f"'{paper['arxiv']}' is no arXiv identifier", fix)
    for key in ("title", "ai_assistance"):
        if not data[key].strip():
            yield text.problem((key,), f"'{key}' is empty", f"write {EXAMPLES[key]}")
    for key, items in (("authors", paper["authors"]), ("developers", data["developers"])):
        place = ("paper", key) if key == "authors" else (key,)
        if not items:
            yield text.problem(place, f"'{key}' is empty", f"write {EXAMPLES[key]}")
    for number, handle in enumerate(data["developers"]):
        if PLACEHOLDER not in handle and not HANDLE.fullmatch(handle):
            rule = f"'{handle}' is no account name"
            yield text.problem(("developers", number), rule, f"write {EXAMPLES['developers']}")
    entries = [path.parent.name for path in subject.root.glob("zoo/*/README.md")]
    for number, other in enumerate(data.get("builds_on", [])):
        if other == subject.name or other not in entries:
            rule = f"builds_on names '{other}', which is no other entry"
            yield text.problem(
                ("builds_on", number), rule, nearest(other, {*entries} - {subject.name})
            )
    for number, item in enumerate(data.get("acknowledgements", [])):
        for name in item["files"]:
            if not (subject.folder / name).is_file():
                fix = "name files of this entry's folder"
                place = ("acknowledgements", number, "files")
                yield text.problem(place, f"acknowledgements: there is no file {name}", fix)
    yield from _claims(subject, text)


def _claims(subject: Subject, text: Markdown) -> Iterator[Problem]:
    """Rules on claims: known metric, data set and recipe, a readable range, distinct ids."""
    from zoo.core.data import DATASETS  # imports torch: only when a card is judged
    from zoo.core.densities import DENSITIES
    from zoo.core.metrics import METRICS
    from zoo.core.registry import EMBEDDED
    from zoo.core.text import TEXTS

    claims, recipes, seen = text.data["claims"], recipe_names(subject), set()
    if not claims:
        line = text.find(("claims",))[1]
        fix = "name at least one number of the paper; not reproducing it is a valid result"
        yield Problem(line, "claims", "the card makes no claim", fix)
    if recipes is None:
        fix = 'write RECIPES = {"tiny": Config(...), "digits": Config(...)} in recipe.py'
        yield Problem(None, "claims", "recipe.py has no literal dictionary RECIPES", fix)
    else:
        embedded = next((name for name in EMBEDDED if name in recipes), EMBEDDED[0])
        for name in sorted({"tiny", embedded} - set(recipes)):
            fix = f"add it: tiny is for conformance, {' or '.join(EMBEDDED)} for everybody's laptop"
            yield Problem(None, "claims", f"recipe.py has no recipe '{name}'", fix)
    datasets = [*DATASETS, *DENSITIES, *TEXTS]
    known = {"metric": METRICS, "dataset": datasets, "recipe": recipes or []}
    for number, claim in enumerate(claims):
        line = text.find(("claims", number, "id"))[1]
        if claim["id"] in seen or not (SLUG.fullmatch(claim["id"]) or PLACEHOLDER in claim["id"]):
            why = "occurs twice" if claim["id"] in seen else "is not lower-case-with-hyphens"
            fix = "give every claim a name of its own, such as mnist-nll-bound"
            yield Problem(line, "claims.id", f"the claim id '{claim['id']}' {why}", fix)
        seen.add(claim["id"])
        for key, names in known.items():
            value = claim[key]
            if names and value not in names and PLACEHOLDER not in value:
                line = text.find(("claims", number, key))[1]
                yield Problem(
                    line, f"claims.{key}", f"unknown {key} '{value}'", nearest(value, names)
                )
        try:
            if PLACEHOLDER not in claim["accept"]:
                parse_accept(claim["accept"])
        except ZooError:
            line = text.find(("claims", number, "accept"))[1]
            rule = f"'{claim['accept']}' is no range of values"
            yield Problem(line, "claims.accept", rule, f"write {EXAMPLES['accept']}")


def _prose(text: Markdown) -> Iterator[Problem]:
    """The sections of the prose are there, in the author's words, and deviations are numbered."""
    sections = _sections(text)
    for title in [title for title in SECTIONS if title not in sections]:
        rule = f"the section '## {title}' is missing"
        yield Problem(None, title, rule, f"add it: {SECTIONS[title]}")
    for title, (line, body) in sections.items():
        if not body.strip() or PLACEHOLDER in body:
            what = SECTIONS.get(title, "what it is about, or drop it")
            rule = f"the section '## {title}' is not written"
            yield Problem(line, title, rule, f"say there {what}")
    line, body = sections.get("Deviations", (None, ""))
    listed, numbered = text.data.get("deviations", []), len(re.findall(r"(?m)^\d+\. ", body))
    if isinstance(listed, list) and len(listed) != numbered and PLACEHOLDER not in body:
        rule = f"{numbered} numbered deviations in the prose, {len(listed)} in the front matter"
        fix = "number each in the prose and list each in the card"
        yield Problem(line, "Deviations", rule, fix)


def _sections(text: Markdown) -> dict[str, tuple[int, str]]:
    """Second-level sections of the prose: title -> (line, body); fenced code hides its # lines."""
    sections: dict[str, tuple[int, str]] = {}
    title, fenced = "", False
    for line, content in enumerate(text.prose.splitlines(), text.prose_line):
        fenced ^= content.startswith("```")
        if content.startswith("## ") and not fenced:
            title = content[3:].strip()
            sections[title] = (line, "")
        elif title:
            sections[title] = (sections[title][0], sections[title][1] + content + "\n")
    return sections
