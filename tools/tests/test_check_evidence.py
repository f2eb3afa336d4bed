"""The evidence check: a result belongs to its claim, to today's code and to the shipped weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tools.checks import Finding
from tools.process.simulation.toy import replace
from tools.tests.conftest import Repository
from zoo.core.evidence import Result, bare, code_digest, load_results, save_results
from zoo.core.files import sha256_of


@pytest.fixture
def measured(repository: Repository) -> Repository:
    """A complete entry with a good result."""
    weights = repository.toy / "weights" / "digits.safetensors"
    weights.parent.mkdir()
    save_file({"x": torch.zeros(1)}, weights)
    result = Result(
        claim="digits-nll",
        value=24.0,
        sd=0.1,
        n=300,
        seeds=[],
        status="reproduced",
        protocol="nll-nats/1",
        recipe="digits",
        code=code_digest(repository.toy),
        weights=sha256_of(weights),
        data="",
        torch=torch.__version__,
        device="CPU",
        seconds=1.0,
    )
    save_results(repository.toy, {"digits-nll": result})
    return repository


def judged(repository: Repository) -> list[Finding]:
    """Findings of the whole static check: only evidence may be broken here."""
    report = repository.check()
    return [finding for result in report.results for finding in result.findings]


def amend(folder: Path, **changes: object) -> None:
    """Change fields of the stored result."""
    results = load_results(folder)
    save_results(folder, {k: dataclasses.replace(v, **changes) for k, v in results.items()})


def test_a_good_result_completes_the_entry(measured: Repository) -> None:
    assert judged(measured) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"code": "0" * 64}, "is stale: the code changed after it"),
        ({"weights": "0" * 64}, "not the weights that 'digits-nll' was measured on"),
        ({"protocol": "nll-nats/0"}, "is by nll-nats/0, not by nll-nats/1"),
        ({"recipe": "mnist"}, "is of recipe mnist, the card says digits"),
        ({"value": 26.0}, "says reproduced, but 26 against <= 25 is partial"),
        ({"value": 99.0}, "says reproduced, but 99 against <= 25 is not-reproduced"),
        ({"status": "partial"}, "says partial, but 24 against <= 25 is reproduced"),
    ],
)
def test_a_result_that_does_not_hold(
    measured: Repository, changes: dict[str, object], rule: str
) -> None:
    amend(measured.toy, **changes)
    found = judged(measured)
    assert [rule in finding.rule for finding in found] == [True], found
    assert "zoo verify toy --record" in found[0].fix


def test_an_honest_miss_is_a_valid_result(measured: Repository) -> None:
    amend(measured.toy, value=99.0, status="not-reproduced")
    assert judged(measured) == []


def test_changed_code_makes_evidence_stale_and_a_comment_does_not(measured: Repository) -> None:
    replace(measured.toy / "model.py", {"import math": "import math  # for prod"})
    assert judged(measured) == []
    replace(measured.toy / "model.py", {"torch.zeros(dim)": "torch.ones(dim)"})
    assert ["is stale" in finding.rule for finding in judged(measured)] == [True]


@pytest.mark.parametrize("sign", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_no_sign_hides_code_from_the_digest(sign: str) -> None:
    source = 'def f(x):  # %s%s\n    return x - 1\n\ndef g(x):\n    """Words."""\n    return x\n'
    source = source.replace("%s", sign)
    assert bare(source) == "def f(x):\n    return x - 1\ndef g(x):\n    return x"
    assert bare(f"x = '{sign}'  # words\n") == f"x = '{sign}'"


def test_missing_results_and_weights(measured: Repository) -> None:
    (measured.toy / "weights" / "digits.safetensors").unlink()
    found = judged(measured)
    assert [finding.path for finding in found] == ["zoo/toy/weights/digits.safetensors"]
    (measured.toy / "results.json").unlink()
    found = judged(measured)
    assert [finding.rule for finding in found] == ["the claim 'digits-nll' has no result"]
    assert found[0].fix == "train and measure: zoo reproduce toy --pending"


def test_a_result_without_a_claim(measured: Repository) -> None:
    results = load_results(measured.toy)
    extra = dataclasses.replace(results["digits-nll"], claim="another")
    save_results(measured.toy, {**results, "another": extra})
    assert ["'another', which the card does not" in f.rule for f in judged(measured)] == [True]


def test_weights_that_are_no_safetensors(measured: Repository) -> None:
    (measured.toy / "weights" / "tiny.safetensors").write_bytes(b"\xff" * 20)
    assert [finding.rule for finding in judged(measured)] == ["not a safetensors file"]


def test_weights_too_large_for_git(measured: Repository) -> None:
    path = measured.toy / "weights" / "tiny.safetensors"
    save_file({"x": torch.zeros(2**21 + 1)}, path)
    assert [finding.rule for finding in judged(measured)] == [
        "8.0 MiB; the limit is 8 MiB per file"
    ]


@pytest.mark.parametrize("content", [b'{"schema": 1, "resu', b"[]", b"\xff", b'{"schema": 1}'])
def test_truncated_results_are_one_line(measured: Repository, content: bytes) -> None:
    (measured.toy / "results.json").write_bytes(content)
    found = [f for f in judged(measured) if "UTF-8" not in f.rule]
    assert [finding.rule for finding in found] == ["not as the tools wrote it"]
