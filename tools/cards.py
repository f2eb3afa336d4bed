"""Strict validation of model cards, with the line, the rule and the fix of every error.

The fields are those of `zoo.core.cards`; pydantic reads them from there. Wrong types are judged on
the YAML nodes, so that an unquoted `no` or `1312.6114` is explained rather than called "not a
string". `python -m tools.cards` writes the JSON Schema for editors to `templates/schemas/`.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from zoo.core.cards import Acknowledgement, Card, Claim, Paper, PaperValue, split_front_matter
from zoo.core.errors import ZooError, nearest

SCHEMA = Path(__file__).resolve().parents[1] / "templates" / "schemas" / "card.schema.json"
PLACEHOLDER = "TODO"  # how the skeleton marks what the author has to write

DEPTH = 8  # levels of nesting in the YAML; a card needs four
_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)

# One example per key: what an editor shows beside it, and the fix when it is missing or wrong.
EXAMPLES = {
    "title": "title: Auto-Encoding Variational Bayes",
    "paper": 'paper: {arxiv: "1312.6114", authors: [Diederik P. Kingma, Max Welling], year: 2013}',
    "paper.arxiv": 'arxiv: "1312.6114"',
    "paper.authors": "authors: [Diederik P. Kingma, Max Welling]",
    "paper.year": "year: 2013",
    "family": "family: latent-variable",
    "developers": 'developers: ["@handle"]',
    "claims": "claims: a list with id, dataset, metric, paper, accept and recipe",
    "claims.id": "id: mnist-nll-bound",
    "claims.dataset": "dataset: binarized-mnist",
    "claims.metric": "metric: nll-nats",
    "claims.paper": 'paper: {value: 88.0, where: "Table 2"}',
    "claims.paper.value": "value: 88.0, or null where the paper reports none",
    "claims.paper.where": 'where: "Table 2"',
    "claims.accept": 'accept: "<= 88.0", ">= 25" or "0.9..1.1"',
    "claims.recipe": "recipe: mnist",
    "deviations": 'deviations: ["Adam instead of Adagrad, because …"]',
    "acknowledgements": "acknowledgements: a list with what, source, licence and files",
    "acknowledgements.what": "what: resampling routine",
    "acknowledgements.source": "source: https://…",
    "acknowledgements.licence": "licence: MIT",
    "acknowledgements.files": "files: [recipe.py]",
    "ai_assistance": "ai_assistance: none, or what was used, where, and how a human checked it",
    "builds_on": "builds_on: [vae], or [] when the paper builds on no other entry",
}
_CLASSES = {"": Card, "paper": Paper, "claims": Claim, "claims.paper": PaperValue}
_CLASSES["acknowledgements"] = Acknowledgement
_TAGS = {"bool": "true or false", "int": "a number", "float": "a number", "timestamp": "a date"}
_TAGS |= {"null": "nothing", "str": "text", "map": "a mapping", "seq": "a list"}
_WANTED = {"string": "text", "int": "a whole number", "float": "a number", "list": "a list"}
_WANTED |= {"dataclass": "a mapping", "dict": "a mapping"}


@dataclass(frozen=True)
class Problem:
    """One broken rule of a card: where, what, and what to do."""

    line: int | None
    """1-based line of the file."""
    key: str
    """Dotted path of the key, such as "claims[0].metric"; empty for the whole card."""
    rule: str
    fix: str


class CardText:
    """A card's text with the YAML nodes of its front matter.

    Attributes:
        data: the parsed front matter.
        prose: the Markdown after it.

    Raises:
        Broken: no front matter, or YAML that cannot be read.
    """

    def __init__(self, text: str) -> None:
        try:
            front, self.prose = split_front_matter(text)
        except ZooError:
            rule = "the file does not begin with YAML between two '---' lines"
            raise Broken(
                Problem(1, "", rule, f"begin with ---, then {EXAMPLES['title']}")
            ) from None
        self.prose_line = text[: len(text) - len(self.prose)].count("\n") + 1
        try:
            self.node, self.data = _compose(front)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            rule = f"not valid YAML: {getattr(error, 'problem', None) or error}"
            fix = "mend this line; quote text that holds ':' or '#'"
            raise Broken(Problem(mark.line + 2 if mark else 1, "", rule, fix)) from None
        if not isinstance(self.data, dict):
            raise Broken(Problem(2, "", "the front matter is not a mapping", EXAMPLES["title"]))

    def find(self, place: tuple[str | int, ...]) -> tuple[Node, int]:
        """The value's node at `place` and the line of its key, or of the innermost that exists."""
        node, line = self.node, self.node.start_mark.line
        for part in place:
            if isinstance(node, MappingNode):
                pairs = [pair for pair in node.value if getattr(pair[0], "value", None) == part]
                if not pairs:
                    break
                key, node = pairs[-1]
                line = key.start_mark.line
            elif (
                isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value)
            ):
                node = node.value[part]
                line = node.start_mark.line
            else:
                break
        return node, line + 2  # marks count from 0, and the opening '---' is a line of its own


class Broken(Exception):
    """A card of which nothing can be read; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.rule)
        self.problem = problem


def _compose(front: str) -> tuple[Node, Any]:
    """Nodes and data of one YAML document, without duplicate keys, aliases and deep nesting."""
    depth = 0
    for token in yaml.scan(front, yaml.SafeLoader):
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if isinstance(token, yaml.AliasToken):
            problem = "a card has no aliases"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=token.start_mark)
        if depth > DEPTH:
            problem = f"more than {DEPTH} levels of nesting"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=token.start_mark)
    loader = yaml.SafeLoader(front)
    try:
        node = loader.get_single_node()
        if node is None:
            return ScalarNode("tag:yaml.org,2002:null", "", yaml.Mark("", 0, 0, 0, None, 0)), None
        _refuse_duplicates(node)
        return node, loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_duplicates(node: Node) -> None:
    """Raise at the second of two equal keys: YAML would silently keep the last."""
    if isinstance(node, MappingNode):
        seen = set()
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                problem = "a key is one word"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if key.value in seen:
                problem = f"the key '{key.value}' occurs twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
            _refuse_duplicates(value)
    elif isinstance(node, SequenceNode):
        for value in node.value:
            _refuse_duplicates(value)


def _adapter() -> TypeAdapter[Any]:
    """A strict reader of cards; standard dataclasses take their configuration from the outside."""
    config = ConfigDict(extra="forbid", strict=True)
    return TypeAdapter(create_model("CardFile", card=(Card, ...), __config__=config))


def schema() -> dict[str, Any]:
    """JSON Schema of the front matter, with an example as the description of every key."""
    whole = _adapter().json_schema()
    definitions = whole["$defs"]
    for prefix, cls in _CLASSES.items():
        part = definitions[cls.__name__]
        part["description"] = (cls.__doc__ or "").strip().splitlines()[0]
        for name, described in part["properties"].items():
            described["description"] = EXAMPLES[f"{prefix}.{name}" if prefix else name]
    card = definitions.pop("Card")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **card, "$defs": definitions}


def shape_problems(card: CardText) -> list[Problem]:
    """Unknown and missing keys and values of the wrong type."""
    # Strict JSON input: dataclasses are read from mappings, and no type is converted into another.
    text = json.dumps({"card": card.data}, default=lambda value: {"unreadable": str(value)})
    try:
        _adapter().validate_json(text)
    except ValidationError as error:
        problems = [_explain(card, item) for item in error.errors(include_url=False)]
        return sorted(problems, key=lambda problem: (problem.line or 0, problem.key))
    return []


def _explain(card: CardText, error: dict[str, Any]) -> Problem:
    """A pydantic error as a rule of the card."""
    place = tuple(error["loc"][1:])
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")
    dotted = ".".join(str(part) for part in place if not isinstance(part, int))
    node, line = card.find(place)
    parent = _CLASSES.get(dotted.rpartition(".")[0], Card)
    known = [field.name for field in dataclasses.fields(parent)]
    example = EXAMPLES.get(dotted, EXAMPLES["title"])
    kind = error["type"]
    if kind == "missing":
        return Problem(line, key, f"the key '{key}' is missing", f"add {example}")
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return Problem(line, key, f"unknown key '{key}'", nearest(str(place[-1]), known))
    if kind == "literal_error":
        value = getattr(node, "value", "")
        families = typing.get_args(typing.get_type_hints(Card)["family"])
        return Problem(line, key, f"unknown {key} '{value}'", f"use one of {', '.join(families)}")
    wanted = _WANTED.get(kind.partition("_")[0], "something else")
    trap = _trap(node, wanted)
    rule = f"'{key}' is {_TAGS.get(node.tag.rpartition(':')[2], 'something else')}, not {wanted}"
    return Problem(line, key, f"{rule}{trap[0]}", trap[1] or f"write {example}")


def _trap(node: Node, wanted: str) -> tuple[str, str]:
    """(what YAML made of a plain scalar, how to write it), or blanks where nothing surprises."""
    if not isinstance(node, ScalarNode) or node.style is not None:
        return "", ""
    raw, tag = node.value, node.tag.rpartition(":")[2]
    if wanted == "text" and tag == "bool":
        truth = raw.lower() in ("yes", "on", "true")
        return f": YAML reads an unquoted {raw} as {truth}", f'quote it: "{raw}"'
    if wanted == "text" and tag in ("int", "float", "timestamp"):
        loss = " and drops the last zero" if tag == "float" and raw.endswith("0") else ""
        return f": YAML reads an unquoted {raw} as {_TAGS[tag]}{loss}", f'quote it: "{raw}"'
    if "number" in wanted and tag == "str" and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", raw):
        mantissa, _, exponent = raw.lower().partition("e")
        mantissa += "" if "." in mantissa else ".0"
        exponent = exponent if exponent[0] in "+-" else f"+{exponent}"
        return f": YAML reads {raw} as text", f"write {mantissa}e{exponent}"
    return "", ""


def placeholders(card: CardText) -> Iterator[Problem]:
    """Every value that still is the skeleton's."""
    for key, value, line in _scalars(card.node, ""):
        if PLACEHOLDER in value:
            example = EXAMPLES.get(re.sub(r"\[\d+\]", "", key), "your own words")
            rule = f"'{key}' is still the skeleton's placeholder"
            yield Problem(line, key, rule, f"write {example}")


def _scalars(node: Node, key: str) -> Iterator[tuple[str, str, int]]:
    """(dotted key, text, line) of every scalar below a node."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            yield from _scalars(value, f"{key}.{name.value}".lstrip("."))
    elif isinstance(node, SequenceNode):
        for number, value in enumerate(node.value):
            yield from _scalars(value, f"{key}[{number}]")
    else:
        yield key, node.value, node.start_mark.line + 2


if __name__ == "__main__":
    SCHEMA.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
