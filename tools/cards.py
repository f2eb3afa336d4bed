"""Model cards as a form: examples for every key, and what the skeleton leaves to its author."""

from __future__ import annotations

from collections.abc import Iterator

from tools.documents import Form
from tools.yamltext import Document, Problem, dotted, scalars
from zoo.core.cards import Acknowledgement, Card, Claim, Paper, PaperValue

PLACEHOLDER = "TODO"  # how the skeleton marks what the author has to write

CARD = Form(
    Card,
    {
        Card: {
            "title": "title: Auto-Encoding Variational Bayes",
            "paper": 'paper: {arxiv: "1312.6114", authors: [Diederik P. Kingma, Max Welling], '
            "year: 2013}",
            "family": "family: latent-variable",
            "developers": 'developers: ["@handle"]',
            "claims": "claims: a list with id, dataset, metric, paper, accept and recipe",
            "deviations": 'deviations: ["Adam instead of Adagrad, because …"]',
            "acknowledgements": "acknowledgements: a list with what, source, licence and files",
            "ai_assistance": "ai_assistance: none, or what was used, where, and how a human "
            "checked it",
            "builds_on": "builds_on: [vae], or [] when the paper builds on no other entry",
        },
        Paper: {
            "arxiv": 'arxiv: "1312.6114"',
            "authors": "authors: [Diederik P. Kingma, Max Welling]",
            "year": "year: 2013",
        },
        Claim: {
            "id": "id: mnist-nll-bound",
            "dataset": "dataset: binarized-mnist",
            "metric": "metric: nll-nats",
            "paper": 'paper: {value: 88.0, where: "Table 2"}',
            "accept": 'accept: "<= 88.0", ">= 25" or "0.9..1.1"',
            "recipe": "recipe: mnist",
        },
        PaperValue: {
            "value": "value: 88.0, or null where the paper reports none",
            "where": 'where: "Table 2"',
        },
        Acknowledgement: {
            "what": "what: resampling routine",
            "source": "source: https://…",
            "licence": "licence: MIT",
            "files": "files: [recipe.py]",
        },
    },
)

# By the key alone: where two classes share one, its values are no placeholders.
EXAMPLES = {key: text for group in CARD.examples.values() for key, text in group.items()}


def placeholders(card: Document) -> Iterator[Problem]:
    """Every value that still is the skeleton's."""
    for place, node in scalars(card.node):
        if PLACEHOLDER in node.value:
            name = next(part for part in reversed(place) if isinstance(part, str))
            rule = f"'{dotted(place)}' is still the skeleton's placeholder"
            fix = f"write {EXAMPLES.get(name, 'your own words')}"
            yield Problem(node.line, dotted(place), rule, fix)
