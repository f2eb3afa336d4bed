"""The report: ranked pairs, passages side by side, what was declared, what was not compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.originality.compare import THRESHOLD, Comparison, Coverage, Pair, Remark
from tools.originality.passages import Passage, passages
from tools.originality.sources import Skipped
from tools.text import code_block, code_span, escape, one_line
from zoo.core.files import replacing

SHOWN = 8  # passages of a pair that are written out
ADVICE = (
    "Advice to the instructor, to be read before anybody is asked anything: likeness has innocent "
    "reasons, such as one paper's algorithm written twice. It is no accusation. "
    "How often the threshold finds a copy, and how often wrongly: tools/originality/calibration.md."
)


@dataclass(frozen=True)
class Match:
    """One pair of the report, `first` being the one of which more stands in the other."""

    first: str
    second: str
    score: float
    there: Coverage
    back: Coverage
    longest: int
    passages: list[Passage]
    more: int

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        return (
            f"{share(self.score)} of {self.there.file} stands in {self.second}; of all of "
            f"{self.first} it is {share(self.there.whole)}, and {share(self.back.whole)} of "
            f"{self.second} stands in {self.first}. "
            f"The longest run of statements has {self.longest} lines."
        )


@dataclass(frozen=True)
class Report:
    """All that one comparison found."""

    made: str
    scope: str
    matches: list[Match]
    highest: str
    same_team: list[str]
    declared: list[str]
    skipped: list[str]

    @property
    def sections(self) -> list[tuple[str, list[str]]]:
        """Titles and lines of what follows the pairs."""
        return [
            ("Within a team", self.same_team),
            ("Declared", self.declared),
            ("Not compared", self.skipped),
        ]

    @property
    def verdict(self) -> str:
        """One line for the head."""
        least = share(THRESHOLD)
        within = len(self.same_team)
        own = f" Pairs within a team: {within}." if within else ""
        if self.skipped:
            own += f" Not compared, and said why below: {len(self.skipped)}."
        if self.matches:
            number = len(self.matches)
            pairs = "1 pair has" if number == 1 else f"{number} pairs have"
            return f"{pairs} a file of which {least} or more stands in the other.{own}"
        if within or self.skipped:
            whose = "with another team's" if within else "with another's"
            return f"No file has {least} in common {whose}.{self.highest}{own}"
        return f"Nothing to look at: no file has {least} in common.{self.highest}"


def share(value: float) -> str:
    """A share in per cent."""
    return f"{100 * value:.0f} %"


def make_report(
    comparison: Comparison, wanted: Sequence[int], skipped: Iterable[Skipped], made: str
) -> Report:
    """The report on the wanted documents, by their numbers in the index."""
    found = comparison.pairs(wanted)
    above = [pair for pair in found if pair.score >= THRESHOLD]
    same_team = [pair for pair in above if _team(comparison, pair)]
    others = sum(not comparison.is_given(number) for number in comparison.documents)
    below = found[len(above) :]
    highest = ""
    if below:
        names = [comparison.documents[n].name for n in (below[0].first, below[0].second)]
        highest = f" The most is {share(below[0].score)}: {' and '.join(names)}."
    scope = f"{len(wanted)} of {others} documents, each compared with all others."
    return Report(
        made,
        scope,
        [_match(comparison, pair) for pair in above if pair not in same_team],
        highest,
        [_within(comparison, pair) for pair in same_team],
        [_said(comparison, remark) for n in wanted for remark in comparison.remarks(n)],
        [f"{one_line(item.place)}: {one_line(item.reason)}" for item in skipped],
    )


def _match(comparison: Comparison, pair: Pair) -> Match:
    first, second, there, back = pair.first, pair.second, pair.there, pair.back
    remembered = "/" in comparison.documents[first].name
    if (back.of_file, remembered) > (there.of_file, False):
        first, second, there, back = second, first, back, there
    one, other = (comparison.index.document(number) for number in (first, second))
    rare = frozenset[int]().union(
        *(unit.hashes for number in (first, second) for unit in comparison.own(number))
    )
    found = passages(one, other, rare)
    longest = max((passage.longest for passage in found), default=0)
    more = len(found[SHOWN:])
    return Match(one.name, other.name, pair.score, there, back, longest, found[:SHOWN], more)


def _team(comparison: Comparison, pair: Pair) -> frozenset[str]:
    """Who wrote both, where the same people did; a member in common is no excuse for the others."""
    first, second = (comparison.documents[number] for number in (pair.first, pair.second))
    return first.team if first.team == second.team else frozenset()


def _within(comparison: Comparison, pair: Pair) -> str:
    side, other = (pair.there, pair.second)
    if pair.back.of_file > pair.there.of_file:
        side, other = (pair.back, pair.first)
    who, name = ", ".join(sorted(_team(comparison, pair))), comparison.documents[other].name
    return f"{share(pair.score)} of {side.file} stands in {name}, both by {who}."


def _said(comparison: Comparison, remark: Remark) -> str:
    who, source = comparison.documents[remark.document].name, one_line(remark.item.source)
    says = f"{who}: {remark.file} is declared as taken from {source}"
    there = f"{share(remark.likeness)} of it stands in {remark.found}"
    if not remark.counts:
        return f"{says}, but {there}: what was declared is other code."
    if remark.is_model:
        there = f"{there}; a" if remark.found else "a"
        return f"{says}; {there} model has to be its authors' own, so it is counted all the same."
    if not remark.found:
        return f"{says}; that is not at hand, so it was taken on trust (--against FOLDER)."
    return f"{says}; {there}, and is not counted."


def write(report: Report, folder: Path) -> list[Path]:
    """Write the report into a folder, as HTML, Markdown and JSON; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "report.html": as_html(report),
        "report.md": as_markdown(report),
        "report.json": as_json(report),
    }
    for name, text in made.items():
        with replacing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return [folder / name for name in made]


def as_html(report: Report) -> str:
    """One page that loads nothing; every text in it is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["share"] = share
    return environment.get_template("report.html.j2").render(report=report, advice=ADVICE)


def as_markdown(report: Report) -> str:
    """The same as Markdown."""
    parts = ["# Originality", f"{report.made}. {report.scope}", ADVICE, report.verdict]
    for match in report.matches:
        parts += [f"## {escape(match.first)} and {escape(match.second)}", escape(match.sentence)]
        for passage in match.passages:
            for side in (passage.first, passage.second):
                text = "\n".join(
                    f"{'>' if marked else ' '} {number:4d} {line}"
                    for number, line, marked in side.numbered()
                )
                parts += [f"{code_span(side.place)}, {code_span(side.unit)}", code_block(text)]
    for title, lines in report.sections:
        if lines:
            parts += [f"## {title}", "\n".join(f"- {escape(line)}" for line in lines)]
    return "\n\n".join(parts) + "\n"


def as_json(report: Report) -> str:
    """The same for programs."""
    content = asdict(report) | {"threshold": THRESHOLD, "verdict": report.verdict}
    return json.dumps(content, indent=2, default=sorted) + "\n"


def as_text(report: Report) -> str:
    """The same for a terminal: pairs and the most alike function of each."""
    lines = [report.scope, report.verdict]
    for match in report.matches:
        lines += ["", f"{match.first} and {match.second}: {match.sentence}"]
        for passage in match.passages[:1]:
            lines += _beside(passage)
    for title, said in report.sections:
        lines += ["", f"{title}:", *(f"  {line}" for line in said)] if said else []
    return "\n".join(lines)


def _beside(passage: Passage, width: int = 58) -> list[str]:
    """Two excerpts in two columns."""
    columns = []
    for side in (passage.first, passage.second):
        head = f"{side.place} {side.unit}"[:width]
        rows = [
            f"{'>' if marked else ' '}{number:4d} {text.expandtabs(4)}"[:width]
            for number, text, marked in side.numbered()
        ]
        columns.append([head, *rows])
    height = min(max(map(len, columns)), 24)
    padded = [(column + [""] * height)[:height] for column in columns]
    return [f"  {left:<{width}}  {right}".rstrip() for left, right in zip(*padded, strict=True)]
