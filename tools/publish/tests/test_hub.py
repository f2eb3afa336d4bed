"""Cards for the Hugging Face Hub, read back with its own library."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import EvalResult, ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index

from tools.publish.hub import hub_cards
from tools.publish.people import people_of
from tools.publish.tests.conftest import add_entry, measured
from tools.publish.tests.test_citation import PROJECT, ROSTER, Told
from zoo.core.evidence import save_results

PROSE = """
# Alpha

## What this is

A model with f<sub>θ</sub>, by @dev-three.

## Use

```sh
## no heading
zoo sample alpha
```

## Limitations

It is small.
"""
CLAIMS = [
    {
        "id": f"{data}-{metric}",
        "dataset": data,
        "metric": metric,
        "paper": {"value": paper, "where": "Table 1"},
        "accept": "<= 90.0",
        "recipe": "digits",
    }
    for data, metric, paper in (
        ("binarized-mnist", "elbo-nats", 88.5),
        ("binarized-mnist", "iw500-nats", None),
        ("digits", "bits-per-dim", 2.0),
        ("digits", "nll-nats", 2.0),
    )
]


@pytest.fixture
def record(clone: Path) -> Told:
    """A published entry with four claims, one missed by far and one not measured."""
    (clone / "pyproject.toml").write_text(PROJECT)
    (clone / "reviews/roster.yaml").write_text(ROSTER)
    folder = add_entry(
        clone, "alpha", claims=CLAIMS, developers=["@dev-one", "@dev-three"], title="A | title"
    )
    path = folder / "README.md"
    path.write_text(path.read_text().partition("\n# alpha")[0] + PROSE)
    (folder / "weights").mkdir()
    (folder / "weights/digits.safetensors").write_bytes(b"weights")
    rows = [
        measured("binarized-mnist-elbo-nats", 87.5),
        measured("binarized-mnist-iw500-nats", 120.0, status="not-reproduced"),
        measured("digits-bits-per-dim", 1.5, sd=0.0, status="partial", seeds=[0, 1]),
    ]
    save_results(folder, {row.claim: row for row in rows})
    told = Told(clone)
    told.published = ("alpha",)
    return told


@pytest.fixture
def card(record: Told) -> ModelCard:
    """The one card, as the Hub's library reads it."""
    cards = hub_cards(record, people_of(record.roster, "c" * 40))
    assert list(cards) == ["huggingface/alpha/README.md"]
    return ModelCard(cards["huggingface/alpha/README.md"].decode())


def test_front_matter(card: ModelCard) -> None:
    data = card.data
    assert data.license == "mit"
    assert data.library_name == "genzoo"
    assert data.pipeline_tag == "unconditional-image-generation"
    assert data.datasets == ["ylecun/mnist"]
    assert data.tags == [
        "pytorch",
        "generative-model",
        "latent-variable",
        "arxiv:1312.6114",
        "not-reproduced",
        "partial",
        "reproduced",
    ]
    assert data.model_name == "alpha"


def test_every_measured_claim_is_an_evaluation_result(card: ModelCard) -> None:
    found = {result.metric_type: result for result in card.data.eval_results}
    assert {name: result.metric_value for name, result in found.items()} == {
        "elbo-nats": 87.5,
        "iw500-nats": 120.0,
        "bits-per-dim": 1.5,
    }
    missed = found["iw500-nats"]
    assert missed.metric_name == (
        "binarized-mnist-iw500-nats, nats: not reproduced (accepted: <= 90.0)"
    )
    assert missed.metric_args["status"] == "not-reproduced"
    assert missed.metric_args.get("paper") is None
    assert (missed.dataset_name, missed.dataset_type) == ("binarized-mnist", "ylecun/mnist")
    assert (missed.dataset_split, missed.verified) == ("test", None)
    assert found["bits-per-dim"].dataset_type == "digits"
    assert found["bits-per-dim"].metric_args["seeds"] == [0, 1]
    assert found["elbo-nats"].metric_args["weights_sha256"] == "e" * 64


def test_the_index_is_what_the_hubs_library_would_write(card: ModelCard) -> None:
    results = card.data.eval_results
    assert all(isinstance(result, EvalResult) for result in results)
    index = eval_results_to_model_index("alpha", results)
    written = card.data.to_dict()["model-index"]
    assert written == index
    assert len(index[0]["results"]) == 2  # data sets
    again = ModelCard(str(card))
    assert again.data.to_dict() == card.data.to_dict()


def test_the_text_says_what_how_where_it_fails_and_how_to_cite(card: ModelCard) -> None:
    text = card.text
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# A \\| title",
        "## What this is",
        "## Use",
        "## no heading",  # in a block of code
        "## Weights",
        "## Results",
        "## Limitations",
        "## Deviations from the paper",
        "## Citation",
    ]
    assert "by Ada van One, anonymous-1: the entry `alpha` of genzoo." in text
    assert "dev-three" not in text
    digest = hashlib.sha256(b"weights").hexdigest()
    assert f"`zoo/alpha/weights/digits.safetensors`, sha256 `{digest}`" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.rsplit("|", 2)[1].strip() for row in rows] == [
        "reproduced",
        "not-reproduced",
        "partial",
        "not measured",
    ]
    assert "@misc{one2013a," in text
    assert "@software{genzoo-alpha," in text


def test_without_a_result_there_is_no_index(record: Told) -> None:
    (record.root / "zoo/alpha/results.json").unlink()
    text = hub_cards(record, people_of(record.roster, "c" * 40))["huggingface/alpha/README.md"]
    assert b"not measured" in text
    assert b"model-index" not in text
