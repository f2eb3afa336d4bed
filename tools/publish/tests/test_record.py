"""The public review record: whole threads, and nothing that is sealed, private or unnamed."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.process.findings import Place
from tools.process.ledger import events as ev
from tools.process.ledger.state import Review
from tools.process.record import Record
from tools.process.rules.policy import Publication
from tools.process.tests.conftest import Term, term  # noqa: F401
from tools.process.tests.reviews import assign, written
from tools.process.tests.revision import RESPONSE, revise, submitted
from tools.publish.people import People
from tools.publish.site import record
from tools.publish.site.build import build
from tools.publish.site.inspect import inspect
from tools.publish.site.outcomes import summary
from tools.publish.site.pages import Page
from tools.publish.site.threads import Spot, reviews_of, spot
from tools.publish.site.zoo import Shown, Zoo
from tools.publish.tests.conftest import add_entry, reviewed
from zoo.core.errors import ZooError
from zoo.core.registry import Entry

PAGE = "entries/toy/review.html"
SOURCE = "entries/toy/source/{}/model.py.html"


@pytest.fixture
def toy(term: Term) -> Term:  # noqa: F811
    """An entry in revision: three findings of @rev-one, no review of @rev-two."""
    add_entry(term.root, "toy", developers=["@dev-one", "@dev-two"])
    return revise(term)


def zoo_at(term: Term, names: dict[str, str] | None = None, reviews: str = "full") -> Zoo:  # noqa: F811
    """The zoo of a term as it is now."""
    found = Record(term.root)
    found.policy = dataclasses.replace(found.policy, publication=Publication(reviews=reviews))
    entry = Entry("toy", term.root / "zoo" / "toy")
    shown = Shown(entry, found.state("toy"), entry.folder / "demo.ipynb")
    people = People(found.roster, names or {})
    return Zoo(found, [shown], [], people, "0" * 40, term.root / "build" / "cache")


def made(zoo: Zoo, tmp_path: Path, *sources: str) -> str:
    """The record's page, without its mark-up where tags end a line."""

    def sections(zoo: Zoo):
        yield from record.pages(zoo)
        for path in ("index.html", "about.html", *sources):
            yield Page(path, "Source", "base.html.j2")

    build(zoo, tmp_path / "site", sections=[sections])
    return (tmp_path / "site" / PAGE).read_text()


def words(page: str) -> str:
    """The text of a page's main part."""
    main = page.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def sign(term: Term, *outcomes: str) -> None:  # noqa: F811
    term.at("2026-10-18T10:00:00Z")
    for number, outcome in enumerate(outcomes, 1):
        said = ev.SignedOff(f"rev-one/F0{number}", outcome, "" if outcome == "verified" else "Why.")
        term.happens("toy", "@rev-one", said)


def test_a_finding_its_answer_and_its_sign_off_are_one_thread(toy, tmp_path):
    submitted(toy)
    sign(toy, "verified", "partial")
    zoo = zoo_at(toy)
    page = made(zoo, tmp_path, SOURCE.format("v1"))
    thread = page.partition('id="r1-f02"')[2].partition(">")[2].partition("</article>")[0]
    assert words(f"<main {thread}</main>") == (
        "F02 major mistake code Finding 2 model.py:15\u201316 version 1 line 15 "
        "Reviewer Expected The paper has another number in equation 3. "
        "Observed The line says line 15 . Suggestion Change the number. "
        "Developers ⇄ disputed Equation 3 has it so. "
        "Sign-off ◐ partial 18 Oct 2026 12:00 Why."
    )
    assert 'href="source/v1/model.py.html#L15"' in thread
    assert "not signed off" in words("<main " + page.partition('id="r1-f03"')[2])


def test_places_lead_to_lines_and_cells_of_the_entrys_own_files(toy):
    submitted(toy)
    threads = reviews_of(zoo_at(toy), zoo_at(toy).shown[0], texts=True)[0].threads
    assert [thread.spot.page for thread in threads] == [
        "entries/toy/source/v1/model.py.html#L5",
        "entries/toy/source/v1/model.py.html#L15",
        "entries/toy/source/v1/demo.ipynb.html#cell-draw",
    ]


def test_lines_of_a_notebooks_file_lead_to_its_page():
    here = spot("toy", "v2", Place("zoo/toy/demo.ipynb", 407, 429))
    assert here == Spot("demo.ipynb:407\u2013429", "entries/toy/source/v2/demo.ipynb.html")
    assert spot("toy", "v1", Place("README.md", 3, 3)) == Spot("README.md:3", "")


def test_a_place_without_a_page_is_no_link(toy, tmp_path):
    assert "<a class" not in made(zoo_at(toy), tmp_path).partition('id="r1-f01"')[2]


def test_a_review_that_never_came_is_said_without_a_name(toy, tmp_path):
    note = "1 of 2 reviews never came."
    page = made(zoo_at(toy), tmp_path)
    assert note in page
    assert "@rev-two" not in page.partition("Timeline")[0]


def test_what_is_sealed_appears_nowhere(term, tmp_path):  # noqa: F811
    add_entry(term.root, "toy")
    text = written(assign(term, (term.root / "zoo/toy/README.md").read_text()))
    (term.root / "reviews/toy/v1/rev-two.md").write_text(text.replace("@rev-one", "@rev-two"))
    term.happens("toy", "@rev-one", ev.ReviewFiled("a" * 64))
    page = made(zoo_at(term), tmp_path)
    assert "1 of 2 reviews is filed, and sealed until the reviews are closed." in page
    assert "1 of 2 reviews is still being written." in page
    assert "mean is taken" not in page
    assert "mean is taken" not in (tmp_path / "site/assets/search-index.js").read_text()


def test_an_answer_that_is_not_filed_appears_nowhere(toy, tmp_path):
    toy.zoo("respond", "toy", by="@dev-one")
    path = toy.root / RESPONSE
    path.write_text(path.read_text().replace("TODO: the reason", "An early thought."))
    assert "early thought" not in made(zoo_at(toy), tmp_path)


@pytest.mark.parametrize("name", ["reviews/toy/v1/rev-one.md", RESPONSE])
def test_a_text_that_is_not_the_filed_one_stops_the_site(toy, tmp_path, name):
    submitted(toy)
    with (toy.root / name).open("a") as file:
        file.write("\nAn afterthought.\n")
    with pytest.raises(
        ZooError, match="not the bytes that were filed; git checkout -- reviews/toy"
    ):
        made(zoo_at(toy), tmp_path)


def test_a_policy_of_summaries_shows_outcomes_and_no_text(toy, tmp_path):
    submitted(toy)
    sign(toy, "verified", "not-fixed", "verified")
    page = made(zoo_at(toy, reviews="summary"), tmp_path)
    for text in ("Finding 2", "line 15", "Equation 3", "another number", "It is short", "Why."):
        assert text not in page
    assert "major 3 2 ✔ fixed 1 ⇄ disputed 2 ✔ verified 1 ✖ not fixed" in words(page)
    assert "F02 major ⇄ disputed ✖ not fixed" in words(page)
    assert "Finding" not in (tmp_path / "site/assets/search-index.js").read_text()


def test_who_is_not_to_be_named_is_not_named(toy, tmp_path):
    submitted(toy)
    text = (toy.root / RESPONSE).read_text().replace("has it so", "is as rev-one/F03 of @Rev-One")
    (toy.root / RESPONSE).write_text(text)
    state = toy.state("toy")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    zoo = zoo_at(toy, {"@rev-one": "reviewer-1", "@dev-two": "developer-2"})
    shown = dataclasses.replace(
        zoo.shown[0], state=dataclasses.replace(state, response_sha256=sha256)
    )
    page = made(dataclasses.replace(zoo, shown=[shown]), tmp_path)
    assert "rev-one" not in page.lower()
    assert "dev-two" not in page
    assert "is as reviewer-1/F03 of reviewer-1" in page
    assert "Reproduced by @dev-one, developer-2." in words(page)


def test_the_timeline_keeps_grades_and_reasons_of_persons_out(toy, tmp_path):
    private = "an operation"
    toy.happens("toy", "@instructor-one", ev.Held(private), ev.Released())
    toy.happens("toy", "@instructor-one", ev.Extended("@dev-one", "v2", "2026-12-01T00:00:00Z"))
    timeline = words(made(zoo_at(toy), tmp_path)).partition("Timeline ")[2]
    assert "12 Oct 2026 12:00 @instructor-one put the entry on hold 12 Oct" in timeline
    assert private not in timeline
    assert "gave @dev-one" not in timeline
    for event in ("released the grades", "regrade"):
        assert event not in timeline


def test_the_sign_offs_of_a_day_are_one_line(toy, tmp_path):
    submitted(toy)
    sign(toy, "verified", "partial", "verified")
    timeline = words(made(zoo_at(toy), tmp_path)).partition("Timeline ")[2]
    assert "signed off 3 findings: 2 verified, 1 partial" in timeline
    assert timeline.count("signed off") == 1


def test_hostile_texts_are_shown_as_texts(toy, tmp_path):
    path = toy.root / "reviews/toy/v1/rev-one.md"
    evil = "<script>alert(1)</script>"
    text = path.read_text().replace("Finding 2", f"{evil} [x](javascript:alert)")
    text = text.replace("Change the number.", f"#### {evil}\n\n###### More")
    path.write_text(text.replace("I read all of it", f"I read {evil}"))
    state = toy.state("toy")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    review = dataclasses.replace(state.reviews["@rev-one"], sha256=digest)
    zoo = zoo_at(toy)
    zoo.record.state = lambda model: state.with_review(review)
    page = made(zoo, tmp_path)
    assert "<script>alert" not in page
    assert "javascript:" not in page
    assert [fault for fault in inspect(tmp_path / "site") if PAGE in fault] == []


def test_summary_counts_what_became_of_findings():
    state = reviewed("toy", findings=3, resolved=1)
    signatures = dict(list(state.signatures.items())[:2])
    more = Review("@rev-two", datetime(2026, 1, 1, tzinfo=UTC), status="missing")
    state = dataclasses.replace(state, signatures=signatures).with_review(more)
    said = summary(Shown(Entry("toy", Path("zoo/toy")), state, Path("demo.ipynb")))
    assert said == {
        "page": PAGE,
        "badge": {"kind": "partial", "text": "reviewed, 1 of 3 verified"},
        "sentence": "1 review (1 more never came) with 3 findings (3 minor); "
        "answers: 3 fixed; after revision: 1 verified, 1 partial, 1 open.",
        "stage": "published",
        "reviews": {"open": 1, "missing": 1, "due": 0},
        "total": 3,
        "severities": [
            {
                "severity": "minor",
                "count": 3,
                "answers": {"fixed": 3},
                "outcomes": {"verified": 1, "partial": 1, "open": 1},
            }
        ],
        "answers": {"fixed": 3},
        "outcomes": {"verified": 1, "partial": 1, "open": 1},
        "verdicts": [""],
    }


@pytest.mark.parametrize(
    ("stage", "status", "badge"),
    [
        ("approved", None, {"kind": "partial", "text": "not reviewed yet"}),
        ("in-review", "filed", {"kind": "partial", "text": "in review"}),
        ("revising", "revealed", {"kind": "partial", "text": "in revision, 1 finding"}),
        ("accepted", "missing", {"kind": "miss", "text": "no review came"}),
        ("withdrawn", "revealed", {"kind": "miss", "text": "withdrawn"}),
    ],
)
def test_badges_say_where_an_entry_stands(stage, status, badge):
    state = dataclasses.replace(reviewed("toy", findings=1), stage=stage)
    review = state.reviews["@rev-one"]
    findings = review.findings if status == "revealed" else {}
    kept = {"@rev-one": dataclasses.replace(review, status=status, findings=findings)}
    state = dataclasses.replace(state, reviews=kept if status else {})
    assert summary(Shown(Entry("toy", Path("x")), state, Path("y")))["badge"] == badge


def test_an_entry_without_a_ledger_has_no_record(small_zoo):
    assert list(record.pages(small_zoo)) == []
    beta = small_zoo.shown[1]
    assert summary(beta)["badge"] == {"kind": "miss", "text": "not reviewed"}


def test_a_finding_named_in_a_text_leads_to_it():
    """Not in code, in a link, after another reviewer's name, nor where there is no such finding."""
    text = "See F01 (and F02), `F01`, [F02](https://example.org/F01), rev-two/F01, F03, XF01, F011."
    html = str(record._prose(text, "r1-summary", {"F01": "r1-f01", "F02": "r1-f02"}))
    assert re.findall(r'href="(#[^"]*)">(\w+)<', html) == [("#r1-f01", "F01"), ("#r1-f02", "F02")]
    assert words(f"<main{html}</main>") == words(
        "<main <p>See F01 (and F02 ), F01 , F02 , rev-two/F01, F03, XF01, F011.</p></main>"
    )
