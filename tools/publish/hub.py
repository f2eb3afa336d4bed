"""Model cards as the Hugging Face Hub reads them, made from the zoo's own cards and results.

`huggingface/<model>/README.md` of a release can be uploaded beside the entry's weights. Its
`model-index` holds every measured claim, the ones that were not reproduced as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.claims import claim_cells
from tools.process.record import Record
from tools.publish.citation import project_of
from tools.publish.people import People
from tools.publish.site.cite import bibtex_of_entry, bibtex_of_paper
from tools.publish.site.gather import entries_of
from tools.publish.site.zoo import Shown, Zoo
from tools.text import code_block, code_span
from zoo.core.cards import Claim, split_front_matter
from zoo.core.evidence import Result
from zoo.core.files import sha256_of
from zoo.core.metrics import METRICS

# Data sets by the names they have on the Hub; others (scikit-learn's digits, densities) have none.
ON_THE_HUB = {"mnist": "ylecun/mnist", "binarized-mnist": "ylecun/mnist"}
IMAGES = ("mnist", "digits", "binarized-mnist", "binarized-digits")
PROSE = ("What this is", "Use", "Limitations")
COLUMNS = ("claim", "metric", "data", "paper", "accepted", "measured", "status")


def hub_cards(record: Record, people: People) -> dict[str, bytes]:
    """The cards of all published entries, by path."""
    zoo = Zoo(record, [], [], people, commit="", cache=Path())
    shown = [
        Shown(entry, record.state(entry.name), executed=Path()) for entry in entries_of(record)
    ]
    return {f"huggingface/{one.name}/README.md": hub_card(zoo, one).encode() for one in shown}


def hub_card(zoo: Zoo, shown: Shown) -> str:
    """The card of one entry: front matter and text."""
    front = yaml.safe_dump(_front(zoo, shown), sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{front}---\n\n" + "\n\n".join(_text(zoo, shown)) + "\n"


def _front(zoo: Zoo, shown: Shown) -> dict[str, Any]:
    """Licence, library, tags, data sets and measured values."""
    card, project = shown.entry.card, project_of(zoo.record)
    task, results = _task(card.claims)[0], list(_results(zoo, shown))
    statuses = sorted({result.status for result in shown.results.values()})
    content = {
        "license": project["license"].lower(),
        "library_name": project["name"],
        "pipeline_tag": task if task != "other" else None,
        "tags": [
            "pytorch",
            "generative-model",
            card.family,
            f"arxiv:{card.paper.arxiv}",
            *statuses,
        ],
        "datasets": sorted({ON_THE_HUB[c.dataset] for c in card.claims if c.dataset in ON_THE_HUB}),
        "model-index": results and [{"name": shown.name, "results": results}],
    }
    return {key: value for key, value in content.items() if value}


def _task(claims: list[Claim]) -> tuple[str, str]:
    """Type and name of what the model does, in the Hub's words where it has some."""
    if any(claim.dataset in IMAGES for claim in claims):
        return "unconditional-image-generation", "Unconditional image generation"
    return "other", "Density estimation and sampling"


def _results(zoo: Zoo, shown: Shown) -> Iterator[dict[str, Any]]:
    """One row of `model-index` for every data set, with every claim measured on it."""
    measured = [(c, shown.results[c.id]) for c in shown.entry.card.claims if c.id in shown.results]
    for dataset in dict.fromkeys(claim.dataset for claim, _ in measured):
        here = [(claim, result) for claim, result in measured if claim.dataset == dataset]
        kind, name = _task([claim for claim, _ in here])
        row: dict[str, Any] = {
            "task": {"type": kind, "name": name},
            "dataset": {"name": dataset, "type": ON_THE_HUB.get(dataset, dataset), "split": "test"},
            "metrics": [_metric(claim, result) for claim, result in here],
        }
        publication = zoo.record.policy.publication
        if publication.site:
            address = f"{publication.site.rstrip('/')}/entries/{shown.name}.html"
            row["source"] = {"url": address, "name": "The zoo's page of the entry"}
        yield row


def _metric(claim: Claim, result: Result) -> dict[str, Any]:
    """A measured value; whether the claim holds stands in its name, which every page shows."""
    unit = METRICS[claim.metric].unit if claim.metric in METRICS else ""
    status = result.status.replace("-", " ")
    return {
        "type": claim.metric,
        "value": result.value,
        "name": f"{claim.id}{f', {unit}' if unit else ''}: {status} (accepted: {claim.accept})",
        "args": {
            "status": result.status,
            "accept": claim.accept,
            "paper": claim.paper.value,
            "sd": result.sd,
            "n": result.n,
            "seeds": list(result.seeds),
            "protocol": result.protocol,
            "recipe": result.recipe,
            "weights_sha256": result.weights,
        },
    }


def _text(zoo: Zoo, shown: Shown) -> Iterator[str]:
    """What it is, how to use it, what was measured, where it fails, how to cite it."""
    entry, project = shown.entry, project_of(zoo.record)
    sections = _sections((entry.folder / "README.md").read_text(encoding="utf-8"))
    yield f"# {_line(entry.card.title)}"
    authors = ", ".join(map(_line, entry.card.paper.authors))
    made = ", ".join(_line(zoo.people.shown(handle)) for handle in entry.card.developers)
    yield (
        f"A peer-reviewed reproduction of {authors} ({entry.card.paper.year}), "
        f"[arXiv:{entry.card.paper.arxiv}](https://arxiv.org/abs/{entry.card.paper.arxiv}), "
        f"by {made}: the entry `{entry.name}` of {project['name']}."
    )
    for title in PROSE[:2]:
        yield from _section(zoo, sections, title)
    yield "## Weights\n\n" + "\n".join(_weights(shown))
    yield "## Results\n\n" + "\n".join(_table(shown))
    yield from _section(zoo, sections, PROSE[2])
    if entry.card.deviations:
        listed = [f"{n}. {zoo.people.text(d)}" for n, d in enumerate(entry.card.deviations, 1)]
        yield "## Deviations from the paper\n\n" + "\n".join(listed)
    cited = [bibtex_of_paper(shown), bibtex_of_entry(zoo, shown, project["version"])]
    yield "## Citation\n\n" + code_block("\n\n".join(cited), "bibtex")


def _section(zoo: Zoo, sections: dict[str, str], title: str) -> Iterator[str]:
    """A section of the entry's own card."""
    if sections.get(title):
        yield f"## {title}\n\n{zoo.people.text(sections[title])}"


def _sections(text: str) -> dict[str, str]:
    """Second-level sections of a card by title; `##` in fenced code begins none."""
    found: dict[str, list[str]] = {}
    title, fenced = "", False
    for line in split_front_matter(text)[1].splitlines():
        fenced ^= line.startswith("```")
        if line.startswith("## ") and not fenced:
            title = line[3:].strip()
        else:
            found.setdefault(title, []).append(line)
    return {title: "\n".join(lines).strip() for title, lines in found.items()}


def _weights(shown: Shown) -> Iterator[str]:
    """File and digest of all that is shipped."""
    paths = sorted((shown.entry.store / "weights").glob("*.safetensors"))
    for path in paths:
        yield f"- `zoo/{shown.name}/weights/{path.name}`, sha256 `{sha256_of(path)}`"
    if not paths:
        yield "None are shipped."


def _table(shown: Shown) -> Iterator[str]:
    """Every claim beside what was measured."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for claim in shown.entry.card.claims:
        cells = [_line(cell) for cell in claim_cells(shown.entry, claim)]
        yield f"| {' | '.join([code_span(claim.id), *cells[1:]])} |"


def _line(text: str) -> str:
    """Text of a card on one line, in which nothing is markup."""
    return re.sub(r"([\\`*_~\[\]<>|&#])", r"\\\1", " ".join(text.split()))
