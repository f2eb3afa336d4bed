"""What is a command in a comment, what is not, and what is said of a line that is nearly one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.github.commands import (
    COMMAND_LIMIT,
    REASON_LIMIT,
    Command,
    Malformed,
    parse,
)
from tools.github.port import COMMENT_LIMIT
from tools.github.verbs import VERBS, names


def verbs(body: str) -> list[str]:
    """The verbs of a comment, all of whose commands are well formed."""
    commands = parse(body)
    assert isinstance(commands, list), commands
    return [command.verb for command in commands]


def refused(body: str) -> str:
    """Why a comment is malformed, and the fix."""
    wrong = parse(body)
    assert isinstance(wrong, Malformed), wrong
    return f"{wrong.why}; {wrong.fix}"


def test_a_command_with_everything() -> None:
    said = '/zoo verify rev-one/F02 Not-Fixed -- "line 40" is the same'
    assert parse(said) == [
        Command(
            index=0,
            verb="verify",
            arguments={"finding": "rev-one/F02", "outcome": "not-fixed"},
            reason='"line 40" is the same',
            text=said,
        )
    ]


def test_several_commands_among_talk() -> None:
    body = "Thanks!\n/zoo accept\nand then\n  /zoo scaffold  \n\nlater:\n\n/zoo help\r\n/ZOO Status"
    assert verbs(body) == ["accept", "scaffold", "help", "status"]
    commands = parse(body)
    assert isinstance(commands, list)
    assert [command.index for command in commands] == [0, 1, 2, 3]


INERT = {
    "a fence": "```\n/zoo accept\n```",
    "a fence of tildes": "~~~sh\n/zoo accept\n~~~",
    "a fence that is never closed": "```\n/zoo accept",
    "an indented block": "text\n\n    /zoo accept",
    "a code span": "`/zoo accept`",
    "a code span over lines": "`a\n/zoo accept\nb`",
    "a quote": "> /zoo accept",
    "a quote in a quote": "> > /zoo accept",
    "a list": "- /zoo accept",
    "a numbered list": "1. /zoo accept",
    "a task": "- [ ] /zoo accept",
    "a heading": "# /zoo accept",
    "a table": "| a |\n|---|\n| /zoo accept |",
    "a link's text": "[/zoo accept](https://example.org)",
    "a link's text over lines": "[a\n/zoo accept\nb](https://example.org)",
    "a link's address": "[a]( /zoo )",
    "an image": "![\n/zoo accept\n](a.png)",
    "a reference": "[a]: /zoo\n",
    "a comment of HTML": "<!-- /zoo accept -->",
    "a comment of HTML over paragraphs": "<!--\n\n/zoo accept\n\n-->",
    "an element of HTML": "<details>\n/zoo accept\n</details>",
    "an element of HTML over paragraphs": "<details>\n\n/zoo accept\n\n</details>",
    "an element inside a line": "see <kbd>\n/zoo accept\n</kbd>",
    "emphasis": "**a\n/zoo accept\nb**",
    "struck text": "~~a\n/zoo accept\nb~~",
    "the middle of a line": "say /zoo accept",
    "an escaped slash": "\\/zoo accept",
    "a reference to a character": "&#47;zoo accept",
    "a full-width slash": "\uff0fzoo accept",
    "a fraction slash": "\u2044zoo accept",
    "a division slash": "\u2215zoo accept",
    "Cyrillic letters": "/z\u043e\u043e accept",
    "another word": "/zoology accept",
    "a path": "/zoo/vae/model.py is wrong",
    "a colon": "/zoo: accept",
    "two slashes": "//zoo accept",
    "nothing": "",
    "a word": "zoo",
}


@pytest.mark.parametrize("body", INERT.values(), ids=INERT.keys())
def test_inert(body: str) -> None:
    assert parse(body) == []


@pytest.mark.parametrize("body", INERT.values(), ids=INERT.keys())
def test_what_is_inert_does_not_spread(body: str) -> None:
    """A command in a paragraph of its own before it is one all the same."""
    assert verbs(f"/zoo status\n\n{body}") == ["status"]


@pytest.mark.parametrize(
    "body",
    ["> quoted\n/zoo accept", "- item\n/zoo accept", "/zoo accept\n---", "/zoo accept\n===\nmore"],
)
def test_a_line_that_markdown_swallows_is_pointed_out(body: str) -> None:
    assert refused(body) == (
        "it is part of a quote, a list or a heading; leave an empty line before and after it"
    )


def test_html_that_is_closed_hides_nothing() -> None:
    assert verbs("<b>bold</b> and <br> this <!-- x -->\n/zoo accept") == ["accept"]
    assert verbs("<details>\n\na\n\n</details>\n\n/zoo accept") == ["accept"]


WRONG = {
    "/zoo": "it has no verb; write /zoo help",
    "/zoo submti v1": "there is no verb 'submti'; did you mean 'submit'?",
    "/zoo submit": "v1|v2 is missing; write /zoo submit v1|v2 [COMMIT]",
    "/zoo submit v3": "'v3' is none of v1, v2; did you mean 'v2'?",
    "/zoo submit v1 1a2b3c4 now": "'now' is one word too many; write /zoo submit v1|v2 [COMMIT]",
    "/zoo submit v1 1a2b3c": "'1a2b3c' is no COMMIT; write it as 1a2b3c4",
    "/zoo accept -- thanks": "accept keeps no reason; write /zoo accept",
    "/zoo hold": "the reason is missing; write /zoo hold -- reason",
    "/zoo hold --": "the reason is missing; write /zoo hold -- reason",
    "/zoo assign @a;b": "'@a;b' is no @REVIEWER; write it as @rev-one",
    "/zoo assign ../../etc": "'../../etc' is no @REVIEWER; write it as @rev-one",
    "/zoo verify F1 verified": "'F1' is no FINDING; write it as F01",
    "/zoo extend @a v1 tomorrow 1:00": "'tomorrow' is no DATE; write it as 2026-10-26",
    '/zoo assign "@rev-one': "a quote is not closed; close it, or put -- before the reason",
    "/zoo hold -- see [this](https://example.org)": "there is a link in it; "
    "a command is plain text",
    "/zoo accept <b>now</b>": "there is HTML in it; a command is plain text",
    "/zoo\u200b accept": "it holds the invisible character U+200B; "
    "type the line anew instead of copying it",
    "/zoo hold -- \u202eevil": "it holds the invisible character U+202E; "
    "type the line anew instead of copying it",
    "\ufeff/zoo accept": "it holds the invisible character U+FEFF; "
    "type the line anew instead of copying it",
    "/z\u00adoo accept": "it holds the invisible character U+00AD; "
    "type the line anew instead of copying it",
    "/zoo hold -- \ud800": "it holds the invisible character U+D800; "
    "type the line anew instead of copying it",
}


@pytest.mark.parametrize("body", WRONG, ids=ascii)
def test_malformed(body: str) -> None:
    assert refused(body) == WRONG[body]
    assert refused(f"/zoo status\n{body}") == WRONG[body]  # none runs


@pytest.mark.parametrize("dash", ["--", "\u2014", "\u2013"])
def test_a_reason_goes_on_to_the_end_of_its_line(dash: str) -> None:
    commands = parse(f"/zoo hold {dash} it's *late*, `x` -- $(reboot); \\_ #3\nnot this")
    assert isinstance(commands, list)
    assert commands[0].reason == "it's *late*, `x` -- $(reboot); _ #3"


def test_words_have_no_meaning_for_a_shell() -> None:
    commands = parse("/zoo extend '@dev-one' \"v1\" 2026-10-26 23:59")
    assert isinstance(commands, list)
    assert commands[0].arguments == {
        "who": "@dev-one",
        "stage": "v1",
        "date": "2026-10-26",
        "time": "23:59",
    }
    for word in ("$HOME", "`id`", "a&&b", "*", "~", "rev\\one", "#c"):
        assert isinstance(parse(f"/zoo assign {word}"), Malformed)


def test_spaces_of_other_kinds_are_spaces() -> None:
    assert verbs("/zoo\u00a0submit\u00a0v1\n/zoo\taccept") == ["submit", "accept"]


def test_limits() -> None:
    long = "x" * COMMENT_LIMIT
    assert "the comment has 65,549 characters" in refused(f"{long}\n\n/zoo accept")
    assert parse("x" * 1_000_000) == []
    assert len(verbs("/zoo status\n" * COMMAND_LIMIT)) == COMMAND_LIMIT
    assert "more than 20 commands" in refused("/zoo status\n" * (COMMAND_LIMIT + 1))
    assert verbs(f"/zoo hold -- {'x' * REASON_LIMIT}") == ["hold"]
    assert "the reason has 2,001 characters" in refused(f"/zoo hold -- {'x' * (REASON_LIMIT + 1)}")
    assert "a word has 201 characters" in refused(f"/zoo assign {'x' * 201}")


@pytest.mark.parametrize("row", VERBS, ids=lambda row: row.act)
def test_the_examples_of_the_table_are_commands(row) -> None:
    for example in row.examples:
        assert verbs(example) == [row.verb]


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_text_is_too_much(body: str) -> None:
    parse(body)
    parse(f"/zoo {body}")
    parse(body.replace("a", "\n/zoo accept\n"))


PIECES = "> |- |```|`|    |<b>|</b>|<!--|-->|---|# |[|](x)|*|~~|\\|a| |\t|&#47;|1. "
MARKDOWN = st.sampled_from(["/zoo accept", "/zoo hold -- x", "\n", "\n\n", "|", *PIECES.split("|")])


@given(st.lists(MARKDOWN, max_size=30).map("".join))
@settings(max_examples=400, deadline=None)
def test_a_command_stands_at_the_beginning_of_a_line(body: str) -> None:
    commands = parse(body)
    if isinstance(commands, list):
        written = sum(line.strip().startswith("/zoo") for line in body.splitlines())
        assert len(commands) <= written
        assert all(command.verb in names() for command in commands)


@given(st.text(st.characters(exclude_characters="`~"), max_size=80), st.integers(3, 6))
@settings(max_examples=150, deadline=None)
def test_nothing_in_a_fence_acts(inside: str, length: int) -> None:
    fence = "`" * length
    assert parse(f"{fence}\n/zoo accept\n{inside}\n/zoo accept\n{fence}") == []


@given(st.lists(st.sampled_from(["/zoo accept", "text", "`", "- a", "/zoo hold -- x"]), max_size=8))
def test_nothing_in_a_quote_acts(lines: list[str]) -> None:
    assert parse("\n".join(f"> {line}" for line in lines)) == []
