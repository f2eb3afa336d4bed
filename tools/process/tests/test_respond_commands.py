"""`zoo respond` and `zoo verify-fix` in a real repository: from open reviews to the sign-offs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tools.process.ledger import events as ev

if TYPE_CHECKING:
    from tools.process.tests.conftest import Term

from tools.process.tests.revision import MODEL, PLACES, RESPONSE, answered, fixed


def test_the_first_run_writes_the_skeleton_and_later_runs_keep_it(revising: Term) -> None:
    said = revising.zoo("respond", "toy", by="@dev-one")
    assert said.splitlines()[0].startswith("wrote a section for each of 3 findings: fill in ")
    path = revising.root / RESPONSE
    skeleton = path.read_text()
    assert [line for line in skeleton.splitlines() if line.startswith("## ")] == [
        f"## rev-one/F0{number}: Finding {number}" for number in (1, 2, 3)
    ]
    assert "> **major** mistake, code, zoo/toy/demo.ipynb#draw: `sample(8)`" in skeleton
    refusal = f"Error: {RESPONSE}: 7 things to mend before it can be filed"
    assert revising.refused("respond", "toy", by="@dev-one") == refusal
    assert path.read_text() == skeleton
    own = skeleton.partition("## rev-one/F03")[0].replace("TODO: the reason", "My words.")
    path.write_text(own)
    revising.refused("respond", "toy", by="@dev-one")
    assert path.read_text().startswith(own)
    assert "## rev-one/F03: Finding 3\n" in path.read_text()


def test_respond_shows_what_became_of_every_place(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    fixed(revising)
    answered(revising, "fixed", "disputed", "fixed")
    said = revising.zoo("respond", "toy", "--hunks", by="@dev-one").splitlines()
    assert [line.split(maxsplit=4) for line in said[:5] if "─" not in line] == [
        ["finding", "severity", "answer", "place", "now"],
        ["rev-one/F01", "major", "fixed", PLACES[0], "touched :5-6 (+2, -1)"],
        ["rev-one/F02", "major", "disputed", PLACES[1], "untouched :16-17"],
        ["rev-one/F03", "major", "fixed", PLACES[2], "touched #draw (+1, -1)"],
    ]
    shown = said[6:]
    assert shown[:2] == ["rev-one/F01: Finding 1", "zoo/toy/model.py @@ -2,7 +2,8 @@"]
    assert shown[5:8] == ["-line 5", "+line five", "+and more"]
    assert shown[-3:] == ["zoo/toy/demo.ipynb#draw @@ -1 +1 @@", "-sample(8)", "+sample(16)"]


def test_a_fix_that_touches_nothing_must_name_its_place(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    answered(revising, "fixed", "disputed", "wont-fix")
    assert revising.refused("respond", "toy", "--file", by="@dev-one") == (
        f"Error: {RESPONSE}: 1 thing to mend before it can be filed"
    )
    result = revising.run("respond", "toy", by="@dev-one")
    assert (
        f"{RESPONSE}:15: rev-one/F01 is claimed fixed, and zoo/toy/model.py:5 is"
        " untouched; fix it there, name the place of the fix in 'where', or answer disputed or"
        " wont-fix" in result.stdout.splitlines()
    )

    path = revising.root / RESPONSE
    bare = path.read_text()
    path.write_text(bare.replace("where: []", "where: [zoo/toy/model.py:2, zoo/no.py:1]", 1))
    result = revising.run("respond", "toy", by="@dev-one")
    assert "F01: nothing changed at zoo/toy/model.py:2 since version 1; name" in result.stdout
    assert "F01: there is no zoo/no.py:1 now; name lines or a cell as they" in result.stdout
    assert result.exit_code == 1

    revising.write("zoo/toy/model.py", MODEL.replace("line 2\n", "line two\n"))
    path.write_text(bare.replace("where: []", "where: [zoo/toy/model.py:2]", 1))
    said = revising.zoo("respond", "toy", by="@dev-one").splitlines()
    assert len(said) == 7
    assert said[-1].endswith(
        "warning: rev-one/F01 is claimed fixed, and zoo/toy/model.py:5 is untouched;"
        " its reviewer will look at zoo/toy/model.py:2"
    )


def test_a_renamed_file_is_followed(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    answered(revising, "disputed", "disputed", "wont-fix")
    revising.git("mv", "zoo/toy/model.py", "zoo/toy/net.py")
    said = revising.zoo("respond", "toy", by="@dev-one").splitlines()
    assert said[2].split(maxsplit=4)[4] == "moved zoo/toy/net.py:5"


def test_filing_records_the_answers_and_commits_only_the_response(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    fixed(revising)
    answered(revising, "fixed", "disputed", "fixed")
    (revising.root / "zoo/toy/other.py").write_text("not ready\n")
    revising.git("add", "zoo/toy/other.py")
    said = revising.zoo("respond", "toy", "--file", by="@dev-two")
    assert said.splitlines()[-1] == "recorded 3 answers; next: zoo submit toy v2"
    state = revising.state("toy")
    keys = [f"rev-one/F0{number}" for number in (1, 2, 3)]
    assert state.answers == dict(zip(keys, ("fixed", "disputed", "fixed"), strict=True))
    content = (revising.root / RESPONSE).read_bytes()
    assert state.response_sha256 == hashlib.sha256(content).hexdigest()
    names = revising.git("show", "--format=%s", "--name-only", "HEAD").split("\n")
    assert names[0] == "toy: answer the reviews"
    paths = {name for name in names[1:] if name}
    assert paths == {RESPONSE, "reviews/toy/events.jsonl", "reviews/README.md"}


def test_who_may_not_answer(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    answered(revising, "disputed", "disputed", "wont-fix")
    before = revising.record.events("toy")
    revising.refused("respond", "toy", "--file", by="@dev-three")
    revising.refused("respond", "toy", "--file", by="@rev-one")
    assert revising.record.events("toy") == before


def test_nothing_to_answer_before_the_reviews_are_open(term: Term) -> None:
    term.happens(
        "toy", "@dev-one", ev.Proposed("Toy", "1502.03509", "flow", ["@dev-one"], ["nll"], "d", "c")
    )
    refusal = "Error: the reviews of toy are not open yet: see zoo status toy"
    assert term.refused("respond", "toy", by="@dev-one") == refusal
    refusal = "Error: version 2 of toy is not in yet: see zoo status toy"
    assert term.refused("verify-fix", "toy", by="@rev-one") == refusal
    assert not (term.root / RESPONSE).exists()


# ---------------------------------------------------------------------------------- sign-off
