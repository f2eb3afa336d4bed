"""The labelled corpus: every model of the zoo, its disguised copies, and independent work.

Copies are labelled as copies of their model; every other pair of documents is labelled independent:
models of different papers, a model and somebody else's implementation of the same paper, and a copy
with anything but its model. The implementations in `independent/` were written from the papers,
by authors who had not seen the zoo's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.originality.sources import Document, Piece, references
from tools.originality.tests.disguises import LEVELS, disguised, notebook
from zoo.core.cards import load_card

ROOT = Path(__file__).resolve().parents[3]
INDEPENDENT = Path(__file__).with_name("independent")


@dataclass(frozen=True)
class Copy:
    """A disguised copy of a model, as a file."""

    model: str
    level: str
    suffix: str
    text: str


def models() -> dict[str, str]:
    """The source of every entry's model."""
    paths = sorted((ROOT / "zoo").glob("*/model.py"))
    return {path.parent.name: path.read_text(encoding="utf-8") for path in paths}


def copies() -> list[Copy]:
    """Every model under every disguise; the half that is rewritten is independent work."""
    found = []
    strangers = sorted(INDEPENDENT.glob("*.py"))
    for number, (model, source) in enumerate(models().items()):
        same = [path for path in strangers if path.stem.startswith(f"{model}__")]
        other = (same or strangers)[number % len(same or strangers)].read_text(encoding="utf-8")
        for level in LEVELS:
            text = disguised(source, level, number, other)
            if level == "in a notebook":
                found.append(Copy(model, level, ".ipynb", notebook(text)))
            else:
                found.append(Copy(model, level, ".py", text))
    return found


def originals() -> list[Document]:
    """The models alone, each as a document of its paper and of nobody."""
    return [
        Document(model, load_card(ROOT / "zoo" / model).paper.arxiv, pieces=[Piece(model, source)])
        for model, source in models().items()
    ]


def independent() -> list[Document]:
    """The independent implementations, with the papers of the models that they implement."""
    papers = {document.name: document.paper for document in originals()}
    found = references(INDEPENDENT)
    for document in found:
        model = document.name.rpartition("/")[2].split("__")[0]
        document.paper = papers.get(model, model)
    return found


def write(folder: Path) -> list[Document]:
    """Write the copies into a folder, as anybody would hand them in, and read them back."""
    for copy in copies():
        place = folder / "copies" / f"{copy.model}__{copy.level.replace(' ', '_')}{copy.suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(copy.text, encoding="utf-8")
    papers = {document.name: document.paper for document in originals()}
    found = references(folder / "copies")
    for document in found:
        document.paper = papers[document.name.rpartition("/")[2].split("__")[0]]
    return found
