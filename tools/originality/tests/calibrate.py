"""Precision and recall on the labelled corpus, beside those of copydetect where it is installed.

`python -m tools.originality.tests.calibrate` writes `tools/originality/calibration.md`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.originality.compare import THRESHOLD, Comparison
from tools.originality.index import opened
from tools.originality.sources import Document, entries, given
from tools.originality.tests import corpus
from tools.originality.tests.disguises import LEVELS
from zoo.core.files import replacing

TARGET = corpus.ROOT / "tools" / "originality" / "calibration.md"
SHARES = [number / 100 for number in range(1, 101)]


@dataclass(frozen=True)
class Scored:
    """A model and another document: their score, and the level of the disguise if a copy."""

    model: str
    other: str
    level: str | None
    score: float


def _level(model: str, other: str) -> str | None:
    stem = Path(other).name.split(".")[0]
    copied, _, level = stem.partition("__")
    spoken = level.replace("_", " ")
    return spoken if copied == model and spoken in LEVELS else None


def ours(originals: Sequence[Document], others: Sequence[Document]) -> list[Scored]:
    """Our score of every model with every other document."""
    with opened() as index:
        for document in [given(corpus.ROOT), *originals, *others]:
            index.add(document)
        comparison = Comparison(index)
        found = []
        for one in originals:
            for other in [*originals, *others]:
                if one is not other:
                    first, second = comparison.number(one.name), comparison.number(other.name)
                    score = comparison.pair(first, second).score
                    found.append(Scored(one.name, other.name, _level(one.name, other.name), score))
        return found


def theirs(originals: Sequence[Document], files: Sequence[Path]) -> list[Scored]:
    """The similarity by copydetect, the larger of both directions, with its default settings."""
    from copydetect import CodeFingerprint, compare_files

    paths = {model.name: corpus.ROOT / "zoo" / model.name / "model.py" for model in originals}
    prints = {str(path): CodeFingerprint(str(path), 25, 1) for path in [*paths.values(), *files]}
    found = []
    for model, path in paths.items():
        for other in prints:
            if other != str(path):
                _, similar, _ = compare_files(prints[str(path)], prints[other])
                name = Path(other).name
                found.append(Scored(model, other, _level(model, name), max(similar)))
    return found


def entire() -> list[tuple[float, str, str]]:
    """(score, file, where it stands) of every two entries, with all their files."""
    with opened() as index:
        for document in [given(corpus.ROOT), *entries(corpus.ROOT)]:
            index.add(document)
        comparison = Comparison(index)
        names = {n: document.name for n, document in comparison.documents.items()}
        found = []
        for pair in comparison.pairs(n for n in names if not comparison.is_given(n)):
            ways = [(pair.there, pair.second), (pair.back, pair.first)]
            side, other = max(ways, key=lambda way: way[0].of_file)
            found.append((pair.score, side.file, names[other]))
        return found


def precision(pairs: Sequence[Scored], threshold: float) -> float:
    """Share of copies among the pairs at or above the threshold."""
    told = [pair for pair in pairs if pair.score >= threshold]
    return sum(pair.level is not None for pair in told) / max(len(told), 1)


def recall(pairs: Sequence[Scored], threshold: float, level: str) -> float:
    """Share of the copies of a level that are at or above the threshold."""
    copies = [pair for pair in pairs if pair.level == level]
    return sum(pair.score >= threshold for pair in copies) / len(copies)


def as_precise(pairs: Sequence[Scored], wanted: float) -> float:
    """The lowest threshold with at least this precision."""
    return next(share for share in SHARES if precision(pairs, share) >= wanted)


def measured(folder: Path) -> tuple[list[Scored], list[Scored] | None]:
    """Our scores and, where it is installed, copydetect's, of a corpus written into a folder."""
    originals, others = corpus.originals(), [*corpus.write(folder), *corpus.independent()]
    files = [*sorted((folder / "copies").iterdir()), *sorted(corpus.INDEPENDENT.glob("*.py"))]
    try:
        return ours(originals, others), theirs(originals, files)
    except ModuleNotFoundError:
        return ours(originals, others), None


def page(mine: list[Scored], other: list[Scored] | None) -> str:
    """The tables as Markdown."""
    wanted = precision(mine, THRESHOLD)
    columns = [("zoo originality", mine, THRESHOLD)]
    if other is not None:
        columns.append(("copydetect", other, as_precise(other, wanted)))
    head = " | ".join(f"{name}, from {100 * at:.0f} %" for name, _, at in columns)
    rows = [f"| recall at level | {head} |", "|---|" + "---:|" * len(columns)]
    for level in LEVELS:
        shares = " | ".join(f"{100 * recall(pairs, at, level):.0f} %" for _, pairs, at in columns)
        rows.append(f"| {level} | {shares} |")
    shares = " | ".join(f"{100 * precision(pairs, at):.1f} %" for _, pairs, at in columns)
    rows.append(f"| **precision** | {shares} |")
    apart = [pair for pair in mine if pair.level is None]
    lowest = min(pair.score for pair in mine if pair.level is not None)
    highest = max(apart, key=lambda pair: pair.score)
    return "\n".join(
        [
            "# Calibration of `zoo originality`",
            "",
            "Written by `python -m tools.originality.tests.calibrate`. The corpus: the model of "
            f"every entry, {len(corpus.copies())} disguised copies, and "
            f"{len(corpus.independent())} independent implementations. Each level of disguise "
            "includes those above it, except that half rewritten, in a notebook and dead code "
            "each come on top of reordered.",
            "",
            f"{sum(pair.level is not None for pair in mine)} pairs are copies, {len(apart)} are "
            "not. A pair is told when its score, the share of a file that stands in the other, is "
            f"at least {100 * THRESHOLD:.0f} %. copydetect runs with its defaults, from the lowest "
            "threshold at which it is as precise as ours.",
            "",
            *rows,
            "",
            f"The lowest score of a copy is {100 * lowest:.0f} %, the highest of independent work "
            f"{100 * highest.score:.0f} % ({highest.model} and {Path(highest.other).name}).",
            "",
            "What no fingerprint of statements survives is an operation around every expression, "
            "such as `keep(x)` or `x * 1`, or every operation as a function, `operator.add(a, b)`. "
            "Who opens such a file sees it; a low score is no proof of originality.",
            "",
            "## Whole entries",
            "",
            "The entries with their recipes, tests and notebooks, each of its own paper. Nobody "
            "copied here, but all have the same authors, who wrote some lines twice; so what is "
            "told is told rightly, and none of it is a model.",
            "",
            *_told(),
            "",
        ]
    )


def _told() -> list[str]:
    """A line for every two entries above the threshold."""
    told = [row for row in entire() if row[0] >= THRESHOLD]
    return [f"- {100 * score:.0f} % of `{file}` stands in {other}" for score, file, other in told]


def main() -> None:
    """Measure, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        text = page(*measured(Path(folder)))
    with replacing(TARGET) as partial:
        partial.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
