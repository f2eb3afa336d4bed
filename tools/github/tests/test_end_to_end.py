"""A submission from its proposal to its merge, through HTTP, git and webhooks.

What everybody said is in transcript.md; with -v, how long the bot's jobs took is printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tools.github.client import ACTIONS_BOT
from tools.github.tests.emulated import Emulator, installed
from tools.github.tests.town import OWNER, PEOPLE, Job, Town
from tools.process.record import Record
from zoo.core.registry import ZOO_FOLDER

BUILD = ZOO_FOLDER.parent / "build"
COMMITTED = Path(__file__).parent / "transcript.md"
PING = re.compile(r"@[A-Za-z0-9]")
CODE = re.compile(r"(`{3,}).*?\n\1|`[^`]*`", re.DOTALL)
MODEL = """\
def log_prob(x):
    logits = decoder(encoder(x).sample())
    terms = x * logits - softplus(logits)
    return terms.mean(1)


def kl(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - log_var - 1).sum()
"""
MENDED = MODEL.replace("terms.mean(1)", "terms.sum(1)").replace("- 1).sum()", "- 1).sum(1)")
CARD = """\
---
title: Auto-Encoding Variational Bayes
claims:
  - id: mnist-nll
    dataset: binarized-mnist
---

# VAE

The bound is tight.
"""
BY_FILE = """
## F01: The likelihood is a mean over pixels

```yaml
kind: mistake
category: mathematics
severity: major
place: zoo/vae/model.py:4
quote: "return terms.mean(1)"
```

**Expected.** Equation 2 of the paper sums the log-likelihood over all pixels.

**Observed.** Line 4 divides by their number, so that the bound comes out as 0.13 nats.

**Suggestion.** Write `terms.sum(1)`.
"""
INLINE = {
    8: """\
**[major][mathematics]** The divergence is summed over the batch

**Expected.** Appendix B has one divergence per example.

**Observed.** `sum()` in line 8 adds up the whole batch; with 100 images it is 100 times too large.

**Suggestion.** Write `sum(1)`.
""",
    2: """\
**[minor][documentation]** One sample only

**Expected.** The card says from how many samples the bound is computed.

**Observed.** Line 2 takes one sample, and the card does not say so.

**Suggestion.** Say it in the card.
""",
}


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A course on an emulated GitHub; it is noon of 1 October 2026 in Zurich."""
    folder = installed(BUILD / "github-emulator")
    emulator = Emulator(folder, [OWNER, ACTIONS_BOT, *PEOPLE])
    town = Town(tmp_path, emulator, monkeypatch)
    try:
        yield town
    finally:
        BUILD.mkdir(exist_ok=True)
        (BUILD / "transcript.md").write_text(town.told.page(), encoding="utf-8")
        town.close()
        emulator.close()


def test_from_the_proposal_to_the_merge(
    town: Town, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    pull = _propose_and_submit(town)
    _assign(town, pull)
    _review(town, pull)
    _close(town, pull)
    _respond(town, pull)
    _sign_off_and_accept(town, pull)

    pinged = [text for text in town.said_by_bot() if PING.search(CODE.sub("", text))]
    assert len(pinged) == 2
    assert "\n@dev-one, @dev-two, for `vae`: the reviews are open, with 3 findings" in pinged[1]
    assert "\n@rev-two, for `vae`: please write the review" in pinged[0]
    assert "the record is whole: 1 ledger, 18 events" in town.fsck()
    assert town.in_main("zoo/vae/model.py") == MENDED
    state = Record(town.folder / "clone").state("vae")
    assert (state.stage, state.unsigned) == ("accepted", [])
    assert dict(state.findings) == {
        "rev-one/F01": "major",
        "rev-two/F01": "major",
        "rev-two/F02": "minor",
    }
    figures = _figures(town.jobs)
    (BUILD / "bot-figures.md").write_text(figures, encoding="utf-8")
    if pytestconfig.get_verbosity() >= 0:  # pyproject.toml asks for -q
        with capsys.disabled():
            print(f"\n\n{figures}")
    renew = "look at build/transcript.md, then copy it to tools/github/tests/"
    assert town.told.page() == COMMITTED.read_text(encoding="utf-8"), renew


def _propose_and_submit(town: Town) -> int:
    town.told.chapter("The proposal")
    issue = town.propose(
        "dev-one",
        "VAE",
        entry="vae",
        title="Auto-Encoding Variational Bayes",
        paper="1312.6114",
        family="latent-variable",
        team="dev-one, dev-two",
        claims="- Test NLL on binarised MNIST <= 88.0 nats (paper: 86.76)",
        dataset="binarized-mnist",
        compute="one hour on a laptop",
    )
    assert "nobody approves their own entry" in town.say("dev-two", issue, "/zoo approve")
    town.at("2026-10-02T08:00:00Z")
    said = town.say("instructor-one", issue, "A good choice.\n\n/zoo approve")
    assert "`vae` is approved" in said
    assert town.labels(issue) == ["proposal", "zoo:approved"]

    town.told.chapter("Version 1")
    town.at("2026-10-12T14:00:00Z")
    files = {"zoo/vae/README.md": CARD, "zoo/vae/model.py": MODEL}
    pull = town.open_pull("dev-one", "vae", "VAE", files)
    assert "has not come yet" in town.say("dev-one", pull, "/zoo submit v1")
    town.at("2026-10-12T14:20:00Z")
    town.passes(town.pull_head(pull))
    assert "Nothing was run" in town.say("dev-one", pull, "/zoo sumbit v1")
    assert "version 1 is frozen" in town.say("dev-one", pull, "/zoo submit v1")
    record = town.in_main("reviews/vae/events.jsonl")
    assert town.again() == ""
    assert town.in_main("reviews/vae/events.jsonl") == record
    return pull


def _assign(town: Town, pull: int) -> None:
    town.told.chapter("Reviewers")
    town.at("2026-10-13T09:00:00Z")
    said = town.say("instructor-one", pull, "/zoo assign")
    assert "is reviewed by `@rev-one`, `@rev-two`" in said
    assert "you review `vae`" in town.say("rev-one", pull, "/zoo accept")
    assert "you review `vae`" in town.say("rev-two", pull, "/zoo accept")


def _review(town: Town, pull: int) -> None:
    """One review comes as a file in a pull request, the other as comments on lines."""
    v1 = town.pull_head(pull)
    town.told.chapter("A review by file")
    town.at("2026-10-15T16:00:00Z")
    form = _form(town.say("rev-one", pull, "/zoo scaffold"))
    path = "reviews/vae/v1/rev-one.md"
    other = town.open_pull("rev-one", "review-vae", "Review of vae", {path: form})
    assert "to look at" in town.say("rev-one", other, "/zoo lint")
    town.update("rev-one", other, {path: _filled(form) + BY_FILE})
    assert "Your review of `vae` is filed" in town.say("rev-one", other, "/zoo file")

    assert town.labels(other) == []
    assert "1 of 2 filed" in town.status(pull)

    town.told.chapter("A review in comments on lines")
    assert "zoo: vae: reminded" in town.tick("2026-10-19T09:07:00Z")
    assert not any("reminded" in line for line in town.tick("2026-10-19T09:37:00Z"))
    town.at("2026-10-19T20:00:00Z")
    form = _form(town.say("rev-two", pull, "/zoo scaffold"))
    for line, text in INLINE.items():
        town.remark("rev-two", pull, v1, "zoo/vae/model.py", line, text)
    town.review("rev-two", pull, v1, _filled(form))
    assert "Your review of `vae` is filed" in town.say("rev-two", pull, "/zoo file")
    assert town.in_main(path) == ""
    assert town.in_main("reviews/vae/v1/rev-two.md") == ""


def _close(town: Town, pull: int) -> None:
    town.told.chapter("The window closes")
    log = town.tick("2026-10-20T10:00:00Z")
    assert "zoo: vae: closed" in log
    for reviewer in ("rev-one", "rev-two"):
        assert town.in_main(f"reviews/vae/v1/{reviewer}.md")
    assert town.labels(pull) == ["zoo:revising"]


def _respond(town: Town, pull: int) -> None:
    town.told.chapter("Version 2")
    town.at("2026-10-22T12:00:00Z")
    form = _form(town.say("dev-two", pull, "/zoo respond"))
    answers = form.replace("ai_use: TODO", "ai_use: none").replace("answer: TODO", "answer: fixed")
    answers = answers.replace("TODO: the reason", "It is now as in the paper.")
    path = "reviews/vae/v2/response.md"
    card = CARD.replace("The bound is tight.", "The bound takes one sample per image.")
    files = {"zoo/vae/model.py": MENDED, "zoo/vae/README.md": card, path: answers}
    town.update("dev-two", pull, files)
    both = "/zoo respond\n\n/zoo submit v2"
    assert "rev-two/F02 is claimed fixed" in town.say("dev-two", pull, both)
    where = answers.rpartition("where: []")
    answers = f"{where[0]}where: [zoo/vae/README.md:10]{where[2]}"
    town.passes(town.update("dev-two", pull, {path: answers}))
    said = town.say("dev-two", pull, both)
    assert "recorded 3 answers" in said
    assert "version 2 is frozen" in said


def _sign_off_and_accept(town: Town, pull: int) -> None:
    """One comment is lost on its way; the clock finds it."""
    town.told.chapter("Sign-offs")
    town.at("2026-10-24T09:00:00Z")
    said = town.say("rev-one", pull, "/zoo verify F01 verified")
    assert "all of yours are signed off" in said
    town.say("rev-two", pull, "/zoo verify F01 verified\n/zoo verify F02 verified", lost=True)
    assert "without sign-off" in town.say("instructor-one", pull, "/zoo accept")
    assert any("answered" in line for line in town.tick("2026-10-24T09:37:00Z"))

    town.told.chapter("Acceptance")
    town.at("2026-10-24T11:00:00Z")
    said = town.say("instructor-one", pull, "/zoo accept")
    assert "is merged at" in said.lower()
    assert town.pull(pull)["merged"]
    town.told.chapter("The status comment at the end")
    town.told.says(ACTIONS_BOT, f"in #{pull}", town.status(pull).partition("\n")[2])


def _form(said: str) -> str:
    """The form in an answer."""
    match = re.search(r"(`{3,}|~{3,})markdown\n(.*)\n\1", said, re.DOTALL)
    assert match
    return match[2] + "\n"


def _filled(form: str) -> str:
    """A form with answers."""
    words = {
        "verdict: TODO": "verdict: partial",
        "recommendation: TODO": "recommendation: minor-revision",
        "confidence: TODO": "confidence: high",
        "hours: 0": "hours: 3",
        "conflict_of_interest: TODO": "conflict_of_interest: none",
        "ai_use: TODO": "ai_use: none",
        "## Summary\n": "## Summary\n\nI read both files beside the paper and ran the model.\n",
        "### mathematics:": "### mathematics: 3\n\nI compared equation 2 with model.py.",
        "## Strengths\n": "## Strengths\n\n- model.py is short and reads like the paper.\n",
    }
    for old, new in words.items():
        form = form.replace(old, new)
    return re.sub(r"<!--.*?-->\n*", "", form, flags=re.DOTALL).replace(" # ", " # ")


def _figures(jobs: list[Job]) -> str:
    """Seconds and requests per job; a table."""
    answers = [job.answer for job in jobs if job.answer is not None]
    requests = [job.requests for job in jobs if job.answer is not None]
    rows = [
        f"| {job.name} | {f'{job.answer:.2f} s' if job.answer else ''} | {job.whole:.2f} s "
        f"| {job.requests} |"
        for job in jobs
    ]
    head = ["| job | answer | end | requests |", "|---|---|---|---|"]
    said = (
        f"From event to answer: median {median(answers):.2f} s, worst {max(answers):.2f} s. "
        f"Requests for an event: median {median(requests):.0f}, most {max(requests)}."
    )
    return "\n".join([*head, *rows, "", said, ""])
