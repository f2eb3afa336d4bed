"""The response form: what it reads, what it refuses and where, and what survives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tools.process.findings import Finding, parse_place
from tools.process.ledger.events import Proposed
from tools.process.ledger.state import Review, Submission
from tools.process.response.responsefile import (
    Reply,
    parse_response,
    response_problems,
    response_template,
    with_missing,
)
from zoo.core.errors import ZooError

AT = datetime(2026, 10, 1, tzinfo=UTC)
PROPOSAL = Proposed("T", "1312.6114", "flow", ["@dev-one", "@dev-two"], [], "", "")
STATE = Submission(
    "vae",
    stage="revising",
    proposal=PROPOSAL,
    reviews={"@rev-one": Review("@rev-one", AT, findings={"F01": "major", "F02": "nit"})},
)


def finding(name: str, title: str = "A title", quote: str = "x = 1") -> Finding:
    where = parse_place("zoo/vae/model.py:40-44")
    return Finding(name, title, "mistake", "code", "major", where, quote, "", "", "")


FINDINGS = {
    "rev-one/F01": finding("F01", "The `mask` leaks <!-- see #3"),
    "rev-one/F02": finding("F02", "A typo", "a `b` <!-- c"),
}
ANSWERED = """\
---
entry: vae
version: v2
developers: ["@dev-one", "@dev-two"]
ai_use: none
---

# Response

## rev-one/F01: The mask leaks

> **major** zoo/vae/model.py:40

```yaml
answer: fixed
where: [zoo/vae/model.py:41-45, zoo/vae/demo.ipynb#draw]
```

The mask was one too low.

```python
## rev-one/F09: not a heading
```

## rev-one/F02: A typo

```yaml
answer: wont-fix
```

The paper writes it so.
"""


def problems(text: str) -> list[str]:
    found = response_problems(text, STATE, FINDINGS)
    return [f"{problem.line}: {problem.rule}; {problem.fix}" for problem in found]


def test_a_complete_response_is_read() -> None:
    response = parse_response(ANSWERED, "response.md")
    assert response.head.developers == ["@dev-one", "@dev-two"]
    assert response.answers == {"rev-one/F01": "fixed", "rev-one/F02": "wont-fix"}
    where = (parse_place("zoo/vae/model.py:41-45"), parse_place("zoo/vae/demo.ipynb#draw"))
    reason = "The mask was one too low.\n\n```python\n## rev-one/F09: not a heading\n```"
    assert response.replies["rev-one/F01"] == Reply("rev-one/F01", "fixed", where, reason, 10)
    assert response.replies["rev-one/F02"].reason == "The paper writes it so."
    assert problems(ANSWERED) == []
    assert problems("\ufeff" + ANSWERED.replace("\n", "\r\n")) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("---\nentry", "entry", "1: the file does not begin with YAML between two '---' lines"),
        ("ai_use: none", "ai_use: TODO", "5: 'ai_use' is not answered yet; write ai_use: none"),
        ("ai_use: none\n", "", "2: the key 'ai_use' is missing; add ai_use: none, or"),
        ("version: v2", "version: v1", "3: unknown version 'v1'; use one of v2"),
        ("entry: vae", "entry: ddpm", "2: this is a response of 'ddpm', not of vae; write entry"),
        (', "@dev-two"]', "]", "4: the developers of vae are @dev-one, @dev-two; write developers"),
        ("answer: fixed", "answer: TODO", "15: rev-one/F01 is not answered yet; set 'answer' to"),
        ("answer: fixed", "answer: done", "15: unknown answer 'done'; use one of fixed, disputed"),
        ("answer: fixed", "anwser: fixed", "15: unknown key 'anwser'; did you mean 'answer'?"),
        ("answer: fixed", "answer: fixed: no", "15: not valid YAML"),
        ("model.py:41-45", "model.py", "16: place 'zoo/vae/model.py' names no lines; write zoo/"),
        ("model.py:41-45", "model.py:45-41", "16: place 'zoo/vae/model.py:45-41'; lines count"),
        ("model.py:41-45", "../x.py:1", "16: place 'zoo/vae/../x.py:1' leaves the repository;"),
        ("The paper writes it so.", "", "29: rev-one/F02 has no reason; say below the block"),
        ("The paper writes it so.", "> a quote", "29: rev-one/F02 has no reason; say below"),
        ("The paper writes it so.", "TODO: the reason", "29: rev-one/F02 has no reason; say below"),
        (
            "The paper writes it so.",
            "It is so.\n# no title",
            "32: a second title, '# no title', ends",
        ),
        ("The paper writes it so.", "<!-- later -->", "29: rev-one/F02 has no reason; say below"),
        ("```yaml\nanswer: wont-fix\n```\n", "", "25: rev-one/F02 has no block with the answer;"),
        ("## rev-one/F02: A typo", "## General", "25: 'General' names no finding; write ## rev-"),
        ("rev-one/F02: A", "rev-one/F01 A", "25: rev-one/F01 is answered twice, first in line 10;"),
        ("rev-one/F02: A", "rev-one/F03: A", "25: no review of vae has a finding rev-one/F03; did"),
        ("```\n\nThe paper", "\nThe paper", "27: this code fence is never closed; close it with"),
        ("The paper writes", "<!-- The paper", "31: this comment is never closed; close it with"),
    ],
)
def test_each_mistake_is_one_line_with_its_place(old: str, new: str, message: str) -> None:
    assert old in ANSWERED
    found = problems(ANSWERED.replace(old, new, 1))
    assert found[0].startswith(message) or found[1].startswith(message)
    assert all("\n" not in line for line in found)


def test_a_missed_finding_is_named() -> None:
    text = ANSWERED.partition("## rev-one/F02")[0]
    fix = "zoo respond vae adds its section to the file"
    assert problems(text) == [f"25: the finding rev-one/F02 is not answered; {fix}"]


def test_parsing_raises_the_first_problem() -> None:
    text = ANSWERED.replace("answer: fixed", "answer: done").replace("wont-fix", "never")
    rule = "unknown answer 'done'; use one of fixed, disputed, wont-fix"
    with pytest.raises(ZooError) as error:
        parse_response(text, "response.md")
    assert str(error.value) == f"response.md:15: {rule}"


def test_the_skeleton_asks_for_everything_and_passes_once_filled_in() -> None:
    skeleton = response_template(STATE, FINDINGS)
    assert problems(skeleton) == [
        "5: 'ai_use' is not answered yet; write ai_use: none, or what was used, where, and how a"
        " human checked it",
        *(
            line
            for key, at in (("rev-one/F01", 20), ("rev-one/F02", 31))
            for line in (
                f"{at}: {key} is not answered yet; set 'answer' to fixed, disputed or wont-fix",
                f"{at + 2}: {key} has no reason; say below the block what you changed, or why you"
                " leave it",
            )
        ),
    ]
    filled = skeleton.replace("answer: TODO", "answer: disputed").replace(
        "ai_use: TODO", "ai_use: none"
    )
    filled = filled.replace("TODO: the reason", "Equation 3 has it so.")
    assert problems(filled) == []
    assert parse_response(filled, "").answers == dict.fromkeys(FINDINGS, "disputed")
    assert "<!-- see" not in skeleton
    assert "> **major** mistake, code, zoo/vae/model.py:40-44: `` a `b` <!-- c ``" in skeleton


def test_a_skeleton_without_findings_is_complete_but_for_its_head() -> None:
    skeleton = response_template(STATE, {}).replace("TODO", "none")
    assert response_problems(skeleton, STATE, {}) == []


def test_answers_survive_and_new_findings_are_appended() -> None:
    assert with_missing(ANSWERED, STATE, FINDINGS) == ANSWERED
    more = {"rev-two/F01": finding("F01", "{{key}} stays"), **FINDINGS}
    longer = with_missing(ANSWERED, STATE, more)
    assert longer.startswith(ANSWERED)
    assert "## rev-two/F01: {{key}} stays\n" in longer
    assert with_missing(longer, STATE, more) == longer
    unreadable = ANSWERED.replace("```\n\nThe paper", "\nThe paper")
    assert with_missing(unreadable, STATE, more) == unreadable


def test_handles_of_the_team_are_compared_without_case() -> None:
    state = replace(STATE, proposal=replace(PROPOSAL, team=["@Dev-One", "@dev-two"]))
    assert response_problems(ANSWERED, state, FINDINGS) == []
