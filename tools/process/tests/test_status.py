"""`zoo status`, `zoo history`, the board, and how times are written."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tools.process.board import board_page, next_date
from tools.process.history import sentence
from tools.process.ledger import events as ev
from tools.process.tests.conftest import Term
from tools.process.times import both, left

BOSS = "@instructor-one"
ZURICH = ZoneInfo("Europe/Zurich")
FROZEN, FIXED, SEAL = "a" * 40, "b" * 40, "c" * 64


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "zone", "text"),
    [
        ("2026-10-19T21:59:59", "Europe/Zurich", "Mon 19 Oct 2026 23:59 CEST (21:59 UTC)"),
        ("2026-10-25T00:30:00", "Europe/Zurich", "Sun 25 Oct 2026 02:30 CEST (00:30 UTC)"),
        ("2026-10-25T01:30:00", "Europe/Zurich", "Sun 25 Oct 2026 02:30 CET (01:30 UTC)"),
        (
            "2026-10-05T22:30:00",
            "Europe/Zurich",
            "Tue 6 Oct 2026 00:30 CEST (Mon 5 Oct 22:30 UTC)",
        ),
        ("2026-10-05T12:00:00", "UTC", "Mon 5 Oct 2026 12:00 UTC"),
    ],
)
def test_a_moment_is_written_in_course_time_and_utc(moment: str, zone: str, text: str) -> None:
    assert both(utc(moment), ZoneInfo(zone)) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-10-04T16:59:59", "in 3 days 4 h"),
        ("2026-10-02T12:00:00", "in 1 day"),
        ("2026-10-01T14:59:59", "in 2 h"),
        ("2026-10-01T12:12:00", "in 12 min"),
        ("2026-10-01T12:00:59", "now"),
        ("2026-10-01T11:59:01", "now"),
        ("2026-10-01T10:00:00", "2 h ago"),
        ("2026-09-29T11:00:00", "2 days 1 h ago"),
    ],
)
def test_how_far_away_a_moment_is(moment: str, text: str) -> None:
    assert left(utc(moment), utc("2026-10-01T12:00:00")) == text


@pytest.fixture
def running(term: Term) -> Term:
    """An entry in review, one that is late, one proposal; 20 October, noon in Zurich."""
    term.approved("vae", "@dev-one")
    term.approved("flow", "@dev-two", paper="1505.05770")
    term.propose("gan", "@dev-three", paper="1406.2661")
    term.at("2026-10-15T10:00:00Z")
    term.happens("vae", "@dev-one", ev.Submitted("v1", FROZEN, 9, 0))
    term.happens("vae", BOSS, ev.Assigned("@rev-one"), ev.Assigned("@rev-two"))
    term.at("2026-10-16T10:00:00Z").happens("vae", "@rev-one", ev.ReviewFiled(SEAL))
    return term.at("2026-10-20T10:00:00Z")


def test_the_status_is_a_board_and_what_everybody_owes(running: Term) -> None:
    assert running.zoo("status").splitlines() == [
        "Tue 20 Oct 2026 12:00 CEST (10:00 UTC)",
        "",
        "entry  stage      since              version 1          reviews  version 2  next date",
        "─────  ─────────  ─────────────────  ─────────────────  ───────  ─────────"
        "  ─────────────────",
        "flow   approved   1 Oct 2026 12:00   –                  –        –          "
        "19 Oct 2026 23:59",
        "gan    proposed   1 Oct 2026 12:00   –                  –        –          –",
        "vae    in-review  15 Oct 2026 12:00  15 Oct 2026 12:00  1 of 2   –          "
        "22 Oct 2026 12:00",
        "",
        "Who owes what",
        "  flow, team @dev-two: submit version 1, LATE,"
        " due Mon 19 Oct 2026 23:59 CEST (21:59 UTC);"
        " closes Tue 20 Oct 2026 23:59 CEST (21:59 UTC), in 11 h",
        "    zoo submit flow v1",
        "  vae, @rev-two: agree to review, or refuse,"
        " until Thu 22 Oct 2026 12:00 CEST (10:00 UTC), in 2 days",
        "    zoo review agree vae",
        "  gan, instructor: approve or decline the proposal",
        "    zoo approve gan",
    ]


def test_the_status_of_one_entry_or_person_or_of_what_is_late(running: Term) -> None:
    def entries(*arguments: str) -> tuple[list[str], list[str]]:
        found = json.loads(running.zoo("status", "--format", "json", *arguments))
        return (
            [entry["model"] for entry in found["entries"]],
            [f"{item['model']} {item['who']}" for item in found["obligations"]],
        )

    assert entries("vae") == (["vae"], ["vae @rev-two"])
    assert entries("gan", "vae") == (["gan", "vae"], ["vae @rev-two", "gan instructor"])
    assert entries("--late") == (["flow"], ["flow team"])
    assert entries("--as", "REV-two") == (["vae"], ["vae @rev-two"])
    assert entries("--as", "@dev-two") == (["flow"], ["flow team"])
    assert entries("--as", BOSS) == (["gan"], ["gan instructor"])
    assert entries("--as", BOSS, "--late") == ([], [])
    running.git("config", "zoo.handle", "rev-two")
    assert entries("--mine") == (["vae"], ["vae @rev-two"])
    assert "did you mean 'vae'?" in running.refused("status", "vea")
    assert "did you mean '@rev-two'?" in running.refused("status", "--as", "@rev-twos")
    quiet = running.zoo("status", "--as", "@dev-one").splitlines()
    assert quiet == ["Tue 20 Oct 2026 12:00 CEST (10:00 UTC)", "", "Nobody owes anything."]


def test_the_status_as_json_is_in_utc(running: Term) -> None:
    found = json.loads(running.zoo("status", "flow", "--format", "json"))
    assert found == {
        "now": "2026-10-20T10:00:00Z",
        "entries": [
            {
                "model": "flow",
                "stage": "approved",
                "since": "2026-10-01T10:00:00Z",
                "v1": None,
                "v1_late": False,
                "reviews": 0,
                "reviewers": 0,
                "v2": None,
                "v2_late": False,
                "next": "2026-10-19T21:59:59Z",
            }
        ],
        "obligations": [
            {
                "model": "flow",
                "who": "team",
                "what": "submit version 1",
                "command": "zoo submit flow v1",
                "until": "2026-10-19T21:59:59Z",
                "late": True,
                "closes": "2026-10-20T21:59:59Z",
                "people": ["@dev-two"],
            }
        ],
    }


def test_the_status_as_markdown_mentions_nobody(running: Term) -> None:
    lines = running.zoo("status", "vae", "--format", "markdown").splitlines()
    assert lines[0] == "**Tue 20 Oct 2026 12:00 CEST (10:00 UTC)**"
    assert lines[-1] == (
        "| vae | &#64;&#8203;rev-two | agree to review, or refuse |"
        " until Thu 22 Oct 2026 12&#58;00 CEST &#40;10&#58;00 UTC&#41;, in 2 days |"
        " `zoo review agree vae` |"
    )
    assert len({line.count("|") for line in lines[2:5]}) == 1


@pytest.mark.parametrize("style", ["text", "markdown"])
def test_an_empty_zoo_says_how_to_begin(term: Term, style: str) -> None:
    said = term.zoo("status", "--format", style).replace("`", "")
    assert said == "Nothing has been proposed yet. A developer begins: zoo propose --help\n"


def test_who_is_nobody_cannot_ask_for_theirs(term: Term) -> None:
    assert "Error: who acts? say --as @handle" in term.refused("status", "--mine")


def test_the_history_is_a_sentence_per_event(running: Term) -> None:
    commits = [event.commit[:12] for event in running.record.events("vae")]
    said = running.zoo("history", "vae").splitlines()
    assert said[0] == (
        "Thu 1 Oct 2026 12:00 CEST (10:00 UTC)  @dev-one proposed “Auto-Encoding Variational"
        " Bayes” (arXiv 1312.6114), team @dev-one, to show: NLL <= 88 nats"
        f"  [{commits[0]}]"
    )
    assert [line.partition("UTC)  ")[2] for line in said[1:]] == [
        f"@instructor-one approved the proposal  [{commits[1]}]",
        "@dev-one submitted version 1, commit aaaaaaaaaaaa, 9 checks passed, 0 failed"
        f"  [{commits[2]}]",
        f"@instructor-one assigned @rev-one  [{commits[3]}]",
        f"@instructor-one assigned @rev-two  [{commits[4]}]",
        f"@rev-one filed a sealed review, sha256 cccccccccccc  [{commits[5]}]",
    ]
    assert running.zoo("history", "vae", "--format", "markdown").splitlines()[1] == (
        "- Thu 1 Oct 2026 12:00 CEST (10:00 UTC):"
        f" &#64;&#8203;instructor-one approved the proposal (`{commits[1]}`)"
    )
    rows = json.loads(running.zoo("history", "vae", "--format", "json"))
    assert (rows[3]["type"], rows[3]["at"]) == ("assigned", "2026-10-15T10:00:00Z")
    assert rows[3]["data"] == {"reviewer": "@rev-one", "plan": "", "seed": 0}


EXAMPLES: list[tuple[ev.Payload, str]] = [
    (
        ev.Proposed("T", "1312.6114", "flow", ["@a", "@b"], ["x", "y"], "d", "c"),
        "proposed “T” (arXiv 1312.6114), team @a, @b, to show: x; y",
    ),
    (ev.Approved({}), "approved the proposal"),
    (ev.ProposalDeclined("too large"), "declined the proposal: too large"),
    (ev.RulesChanged({}), "took the dates and quotas of the present policy in"),
    (
        ev.Submitted("v2", FROZEN, 9, 0),
        "submitted version 2, commit aaaaaaaaaaaa, 9 checks passed, 0 failed",
    ),
    (ev.Assigned("@b", "p" * 64, 7), "assigned @b by plan pppppppppppp (seed 7)"),
    (ev.Unassigned("@b", "ill"), "took @b off: ill"),
    (ev.ReviewAgreed(), "agreed to review"),
    (ev.ReviewRefused("a friend's"), "refused to review: a friend's"),
    (ev.ReviewFiled(SEAL), "filed a sealed review, sha256 cccccccccccc"),
    (ev.ReviewsClosed(), "closed the reviews"),
    (
        ev.ReviewRevealed(
            "@b", SEAL, {"F01": "nit", "F02": "major", "F03": "nit"}, "partial", "reject"
        ),
        "opened the review of @b: 1 major, 2 nit; partial, reject",
    ),
    (ev.ReviewLost("@b", "a disk"), "declared @b's review lost: a disk"),
    (
        ev.Answered(SEAL, {"b/F01": "fixed", "b/F02": "disputed", "b/F03": "fixed"}),
        "answered the findings: 1 disputed, 2 fixed",
    ),
    (ev.SignedOff("b/F01", "partial", "half"), "signed off b/F01: partial (half)"),
    (ev.Accepted(), "accepted the entry"),
    (ev.Published(), "published the entry"),
    (ev.Addendum("README.md: 2, not 3"), "recorded an addendum: README.md: 2, not 3"),
    (ev.Held("ill"), "put the entry on hold: ill"),
    (ev.Released(), "ended the hold"),
    (ev.Withdrawn("ill"), "withdrew the entry: ill"),
    (
        ev.Extended("@b", "v1", "2026-10-19T21:59:59Z"),
        "gave @b until Mon 19 Oct 2026 23:59 CEST (21:59 UTC) for version 1",
    ),
    (ev.DeclaredMissing("v2"), "declared version 2 missing"),
    (ev.GradesReleased(), "released the grades"),
    (ev.RegradeAsked(), "asked for a regrade"),
    (ev.RegradeAnswered("@b"), "answered the regrade request of @b"),
]


@pytest.mark.parametrize(
    ("payload", "said"), EXAMPLES, ids=lambda value: getattr(value, "TYPE", "")
)
def test_every_event_is_a_sentence(payload: ev.Payload, said: str) -> None:
    event = ev.Event("1", "vae", utc("2026-10-01T12:00:00"), "@one", "instructor", FROZEN, payload)
    assert sentence(event, ZURICH) == f"@one {said}"


def test_no_event_is_forgotten() -> None:
    assert [payload.TYPE for payload, _ in EXAMPLES] == list(ev.PAYLOADS)


def test_what_strangers_write_reaches_no_terminal_and_no_markup(running: Term) -> None:
    evil = "a\x1b[2Jb\u202ec\nd [x](javascript:alert) | <b> @dev-one `"
    running.happens("vae", BOSS, ev.Held(evil))
    line = running.zoo("history", "vae").splitlines()[-1]
    assert "put the entry on hold: a[2Jbc d [x](javascript:alert) | <b> @dev-one `" in line
    line = running.zoo("history", "vae", "--format", "markdown").splitlines()[-1]
    assert not set("|<>@[]\x1b\u202e") & set(line.partition("hold")[2].rpartition(" (`")[0])
    for style in ("text", "markdown"):
        assert "\x1b" not in running.zoo("status", "--format", style)


def test_the_board_links_what_can_be_read(running: Term) -> None:
    title = "A | title\x1b [with](signs) <b> @dev-one"
    proposal = ev.Proposed(title, "2006.11239", "diffusion", ["@dev-one"], ["x"], "d", "c")
    running.happens("ddpm", "@dev-one", proposal)
    running.happens("vae", "@rev-two", ev.ReviewFiled(SEAL))
    running.happens("vae", BOSS, ev.ReviewsClosed())
    opened = ev.ReviewRevealed("@rev-one", SEAL, {"F01": "nit"}, "partial", "accept")
    running.happens("vae", "@rev-one", opened)
    running.happens("vae", BOSS, ev.ReviewLost("@rev-two", "a disk"))
    running.happens("vae", "@dev-one", ev.Answered(SEAL, {"rev-one/F01": "fixed"}))
    running.at("2026-10-21T10:00:00Z")
    running.happens("vae", "@dev-one", ev.Submitted("v2", FIXED, 9, 0))
    running.happens("vae", "@rev-one", ev.SignedOff("rev-one/F01", "verified"))
    record = running.record
    page = board_page(record.states(), record.policy)
    rows = {line.split(" | ")[0]: line for line in page.splitlines() if line.startswith("| ")}
    assert rows["| [vae](../zoo/vae/README.md)"].split(" | ")[1:] == [
        "[Auto-Encoding Variational Bayes](https://arxiv.org/abs/1312.6114)",
        "v2-submitted",
        "21 Oct 2026 12:00",
        "15 Oct 2026 12:00",
        "1 of 2",  # one is lost
        "21 Oct 2026 12:00",
        "28 Oct 2026 11:00",  # a week of 168 hours over the end of summer time
        "[review by rev-one](vae/v1/rev-one.md), [response](vae/v2/response.md),"
        " [sign-off by rev-one](vae/v2/rev-one.md), [history](vae/events.jsonl) |",
    ]
    cell = rows["| ddpm"].split(" | ")[1]
    assert not set("|<>@\x1b") & set(cell)
    assert cell.startswith("[A &#124; title &#91;with&#93;")
    assert page.endswith("|\n")


def test_the_next_date_is_the_last_of_peoples_dates(running: Term) -> None:
    extended = ev.Extended("@rev-two", "review", "2026-10-30T10:00:00Z")
    state = running.happens("vae", BOSS, extended)
    assert next_date(state) == utc("2026-10-30T10:00:00")


def test_the_board_of_nothing_is_a_page_too(term: Term) -> None:
    page = board_page({}, term.record.policy)
    assert page.endswith("\n\nNothing has been proposed yet.\n")


def test_the_status_needs_neither_torch_nor_pydantic(running: Term) -> None:
    code = (
        "import sys; from tools.cli import main; main(['status'], standalone_mode=False);"
        "print({'torch', 'pydantic', 'scipy', 'papermill', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
