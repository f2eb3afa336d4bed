"""The draft of a review: the form filled in, and the evidence of the re-execution in it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import yaml

from tools.documents import located
from tools.process.ledger.state import Submission
from tools.process.review.reviewform import Execution
from tools.process.rules.policy import Policy
from tools.yamltext import Markdown

TEMPLATE = Path(__file__).resolve().parents[3] / "templates" / "review.md"


def draft_text(state: Submission, policy: Policy, reviewer: str, worktree: str) -> str:
    """The form for one reviewer, with the rubric's items and no answers.

    Args:
        state: of the entry, whose version 1 is frozen.
        policy: whose `rubric.v1` is asked.
        reviewer: handle.
        worktree: where the frozen version lies, as the reviewer reads it.
    """
    assert state.v1 is not None
    items = [(item.id, item.question.replace("-->", "→")) for item in policy.rubric.v1]
    words = {
        "entry": state.model,
        "commit": state.v1.commit,
        "reviewer": reviewer,
        "worktree": worktree,
        "rubric": "".join(f"### {name}:\n\n<!-- {question} -->\n\n" for name, question in items),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, word in words.items():
        text = text.replace("{{" + name + "}}", word)
    return text


def with_execution(text: str, execution: Execution, path: Path) -> str:
    """The text with new evidence in its front matter; every other line stays as it is.

    Raises:
        ZooError: front matter that cannot be read, before or after.
    """
    check_front(text, path)
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(end)
    close = next(at for at, line in enumerate(lines) if at and line.rstrip() == "---")
    start = next((at for at in range(1, close) if lines[at].startswith("execution:")), close)
    stop = start
    if start < close:
        stop += 1
        while lines[stop].startswith(" "):
            stop += 1
    block = {"execution": asdict(execution)}
    written = yaml.safe_dump(block, sort_keys=False, allow_unicode=True, width=100)
    new = end.join([*lines[:start], *written.rstrip("\n").split("\n"), *lines[stop:]])
    check_front(new, path)
    return new


def check_front(text: str, path: Path) -> None:
    """Refuse a file whose front matter cannot be read; what it says is the linter's business."""
    with located(path):
        Markdown(text)
