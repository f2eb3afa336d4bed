"""The model card: YAML front matter of `zoo/<model>/README.md`.

These dataclasses are the one definition of a card. Reading here is light, for the command line and
for training nodes; `tools.cards` checks the same classes strictly, `tools.schemas` exports them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from zoo.core.errors import ZooError

Family = Literal[
    "autoregressive",
    "latent-variable",
    "flow",
    "adversarial",
    "energy",
    "diffusion",
    "score",
    "multimodal",
    "world-model",
    "baseline",
]

_ACCEPT = re.compile(
    r"(?P<sign><=|>=)\s*(?P<bound>-?\d+(\.\d+)?)|(?P<low>-?\d+(\.\d+)?)\s*\.\.\s*(?P<high>-?\d+(\.\d+)?)"
)


@dataclass(frozen=True)
class Paper:
    """The reproduced paper."""

    arxiv: str
    authors: list[str]
    year: int


@dataclass(frozen=True)
class PaperValue:
    """What the paper reports for a claim; `value` is None where it reports no such number."""

    value: float | None
    where: str


@dataclass(frozen=True)
class Claim:
    """One reproduced number: what is measured, on what, and the range fixed before training.

    Attributes:
        id: name of the claim, unique in its entry.
        dataset: name of the data set or 2-D density.
        metric: id of a registered metric (`zoo.core.metrics.METRICS`).
        paper: the paper's own value and its place.
        accept: "<= 88.0", ">= 25" or "0.9..1.1".
        recipe: recipe whose shipped weights are measured.
    """

    id: str
    dataset: str
    metric: str
    paper: PaperValue
    accept: str
    recipe: str

    def accepts(self, value: float) -> bool:
        """Whether a measured value lies in the accepted range."""
        match = parse_accept(self.accept)
        if match["sign"] == "<=":
            return value <= float(match["bound"])
        if match["sign"] == ">=":
            return value >= float(match["bound"])
        return float(match["low"]) <= value <= float(match["high"])


def parse_accept(text: str) -> re.Match[str]:
    """Parse an acceptance range; ZooError for anything but "<= x", ">= x" and "a..b"."""
    match = _ACCEPT.fullmatch(text.strip())
    if match is None:
        raise ZooError(f"accept '{text}' is no range: write '<= 88.0', '>= 25' or '0.9..1.1'")
    return match


@dataclass(frozen=True)
class Acknowledgement:
    """External, model-independent code or data that an entry uses."""

    what: str
    source: str
    licence: str
    files: list[str]


@dataclass(frozen=True)
class Card:
    """Front matter of a model card; see `templates/entry/README.md` for a commented example."""

    title: str
    paper: Paper
    family: Family
    developers: list[str]
    claims: list[Claim]
    ai_assistance: str
    deviations: list[str] = field(default_factory=list)
    acknowledgements: list[Acknowledgement] = field(default_factory=list)
    builds_on: list[str] = field(default_factory=list)


def split_front_matter(text: str) -> tuple[str, str]:
    """Split a Markdown file into its YAML front matter and its prose.

    Raises:
        ZooError: the text does not begin with a block between two lines of three dashes.
    """
    match = re.match(r"\ufeff?---[ \t]*\r?\n(.*?\r?\n)---[ \t]*(?:\r?\n|$)(.*)", text, re.DOTALL)
    if match is None:
        raise ZooError("no front matter: the file must begin with YAML between two '---' lines")
    return match[1], match[2]


def load_card(folder: Path) -> Card:
    """Read the card of an entry's folder, without the strict checks of `zoo check`.

    Raises:
        ZooError: missing file, broken YAML, or a missing or unknown key, with the file's name.
    """
    path = Path(folder) / "README.md"
    try:
        front, _ = split_front_matter(path.read_text(encoding="utf-8"))
        data = yaml.load(front, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return card_from(data)
    except FileNotFoundError:
        raise ZooError(f"{path} is missing: every entry has a model card") from None
    except yaml.YAMLError as error:
        line = error.problem_mark.line + 2 if getattr(error, "problem_mark", None) else 1
        raise ZooError(f"{path}:{line}: broken YAML, {getattr(error, 'problem', error)}") from None
    except (ZooError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: {error}") from None
    except (TypeError, AttributeError, KeyError) as error:
        reason = str(error).replace("__init__() ", "")
        raise ZooError(f"{path}: the card does not fit its schema ({reason}): zoo check") from None


def card_from(data: dict[str, Any]) -> Card:
    """A card from parsed YAML; TypeError for missing or unknown keys."""
    fields = dict(data)
    fields["paper"] = Paper(**fields["paper"])
    fields["claims"] = [
        Claim(**{**claim, "paper": PaperValue(**claim["paper"])}) for claim in fields["claims"]
    ]
    fields["acknowledgements"] = [
        Acknowledgement(**item) for item in fields.get("acknowledgements") or []
    ]
    return Card(**fields)
