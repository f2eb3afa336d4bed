"""The page of an entry: what it says, and that nothing of a hostile entry acts in it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from tools.process.git import git
from tools.process.ledger.state import Addendum, Submission
from tools.publish.people import People
from tools.publish.site import entries
from tools.publish.site.build import build
from tools.publish.site.cite import bibtex_of_entry, bibtex_of_paper
from tools.publish.site.curve import draw
from tools.publish.site.measured import accepted, duration
from tools.publish.site.zoo import Zoo
from tools.publish.tests.conftest import add_entry, measured, notebook, zoo_of
from zoo.core.curves import Curve, save_curve
from zoo.core.evidence import save_results

HOSTILE = "<script>evil()</script>\"'><img src=x onerror=evil()>\u202e"
SECTIONS = ["tools.publish.site.entries", "tools.publish.site.source"]
BASELINES = {"baselines": {"mixture": 91.25, "pixels": 205.5}, "floor": 0.5, "table": [1] * 9}


def site(zoo: Zoo, out: Path) -> Path:
    build(zoo, out, sections=SECTIONS)
    return out


def page(out: Path, name: str = "entries/alpha.html") -> BeautifulSoup:
    return BeautifulSoup((out / name).read_text("utf-8"), "html.parser")


def with_publication(zoo: Zoo, **fields: object) -> Zoo:
    publication = replace(zoo.record.policy.publication, **fields)
    zoo.record.__dict__["policy"] = replace(zoo.record.policy, publication=publication)
    return zoo


@pytest.fixture(autouse=True)
def _no_player(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs models in a page is fetched; these tests are without it."""
    monkeypatch.setattr(entries, "play_href", lambda zoo, shown: None)


@pytest.fixture
def alpha(small_zoo: Zoo) -> Zoo:
    """The entry "alpha" with weights, a curve, baselines and a whole card; nothing is frozen."""
    folder = small_zoo.root / "zoo" / "alpha"
    (folder / "weights").mkdir()
    weights = folder / "weights" / "digits.safetensors"
    weights.write_bytes(b"weights" * 300)
    save_curve(folder, "digits", [{"step": n, "loss": 100 / n} for n in (10, 100, 1000)], weights)
    save_results(folder, {"digits-elbo": measured(value=87.123456789, details=BASELINES)})
    card = (folder / "README.md").read_text() + (
        "\n## What this is\n\nA $z$, see [the model](model.py).\n\n## Use\n\n"
        "```sh\nzoo show alpha\n```\n\n## Deviations\n\n1. **Optimiser.** Adam.\n\n"
        "## Limitations\n\nMany.\n"
    )
    (folder / "README.md").write_text(card)
    git(small_zoo.root, "add", ".")
    git(small_zoo.root, "commit", "-q", "-m", "Measured", GIT_COMMITTER_DATE="2026-03-01T12:00:00Z")
    return zoo_of(small_zoo.root)


def test_numbers_of_the_page_are_those_of_the_results(alpha, tmp_path):
    shown = page(site(alpha, tmp_path / "site"))
    row = shown.find(id="claims").find_parent("section").table.tbody
    recorded = json.loads((alpha.root / "zoo/alpha/results.json").read_text())["results"][0]
    assert float(row.data["value"]) == recorded["value"] == 87.123456789
    assert [cell.text.strip() for cell in row("td")[:4]] == [
        "88.5",
        "≤ 90.0",
        "87.12 ± 0.25 nats",
        "✔ reproduced",
    ]
    assert row.th.strong.text == "digits-elbo"
    assert "Where in the paper: Table 1." in row.text
    told = {term.text: term.find_next("dd").text for term in row("dt")}
    assert told == {
        "Protocol": "elbo-nats/1",
        "Measured": "2026-03-01, on CPU, 1 thread",
        "Took": "1.5 s",
        "Examples": "1,000 per seed; seeds: 0",
        "Weights": "recipe digits, sha256 eeeeeeeeeeee…",
        "PyTorch": "2.13.0",
        "floor": "0.5",
    }


def test_what_is_not_measured_is_said(small_zoo, tmp_path):
    shown = page(site(small_zoo, tmp_path / "site"), "entries/beta.html")
    row = shown.find(id="claims").find_parent("section").table.tbody
    assert [cell.text.strip() for cell in row("td")[2:4]] == ["— nats", "○ not measured yet"]
    assert row.data is None


def test_other_models_stand_beside_it_in_order(alpha, tmp_path):
    table = page(site(alpha, tmp_path / "site")).find(id="beside").find_parent("section").table
    assert [[cell.text for cell in row(["th", "td"])] for row in table.tbody("tr")] == [
        ["this entry, elbo-nats", "87.12"],
        ["the paper, Table 1", "88.50"],
        ["mixture", "91.25"],
        ["pixels", "205.50"],
    ]


def test_weights_are_the_file_and_its_digest(alpha, tmp_path):
    out = site(alpha, tmp_path / "site")
    item = page(out).find("ul", class_="weights").li
    linked = (out / "entries" / item.a["href"]).resolve()
    assert linked == (out / "weights/alpha/digits.safetensors").resolve()
    assert item.code.text == hashlib.sha256(linked.read_bytes()).hexdigest()
    assert "2 kB · claims digits-elbo" in item.text


def test_the_card_is_shown_with_links_to_source_pages(alpha, tmp_path):
    out = site(alpha, tmp_path / "site")
    shown = page(out)
    about = shown.find(id="about").find_parent("section")
    assert about.math.text == "z"
    assert (out / "entries" / about.find("a", string="the model")["href"]).is_file()
    assert "Adam." in shown.find(id="deviations").find_parent("section").text
    assert shown.find("h2", string="Limitations")
    assert "zoo show alpha" in shown.find("details", class_="from-card").text
    beta = page(out, "entries/beta.html")  # its card has no prose on deviations
    assert beta.find(id="deviations").find_parent("section").li.text == "Adam instead of Adagrad."
    assert [a["href"] for a in beta.find("dl", class_="entry-facts")("a")] == ["alpha.html"]


def test_addenda_stand_before_the_text_with_their_dates(small_zoo, tmp_path):
    at = datetime(2026, 11, 3, 23, 30, tzinfo=UTC)
    slips = (Addendum(f"`model.py`: {HOSTILE}", at, "@dev-one"), Addendum("Two.", at, "@x"))
    states = {"alpha": Submission("alpha", "published", addenda=slips)}
    out = site(zoo_of(small_zoo.root, states), tmp_path / "site")
    addenda = page(out).find(id="addenda").find_parent("section")
    assert addenda.h2.text == "Found since its acceptance"
    assert addenda.time["datetime"] == "2026-11-03T23:30:00Z"
    assert addenda.code.text == "model.py"
    assert not addenda.find_all(["script", "img"])
    assert [text.text.split()[-1] for text in addenda("p")][1] == "Two."
    assert page(out, "entries/beta.html").find(id="addenda") is None


def test_every_link_of_the_pages_leads_to_a_file_or_to_the_web(alpha, tmp_path):
    out = site(alpha, tmp_path / "site")
    elsewhere = ("index.html", "about.html", "compare.html", "lessons/index.html")
    for path in out.rglob("*.html"):
        shown = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        ids = {node["id"] for node in shown(id=True)}
        assert len(ids) == len(shown(id=True)), path
        for link in shown("a", href=True):
            name, _, fragment = link["href"].partition("#")
            if name.startswith(("https://", "mailto:")) or name.endswith(elsewhere):
                continue
            assert (path.parent / name).exists(), (path, link["href"])
            assert name or fragment in ids, (path, link["href"])


def test_links_to_github_are_there_when_the_policy_names_a_repository(alpha, tmp_path):
    assert "github" not in (site(alpha, tmp_path / "a") / "entries/alpha.html").read_text()
    zoo = with_publication(alpha, repository="owner/zoo", site="https://zoo.example")
    out = site(zoo, tmp_path / "b")
    colab = f"https://colab.research.google.com/github/owner/zoo/blob/{zoo.commit}"
    assert page(out).find("a", string="Open in Colab")["href"] == f"{colab}/zoo/alpha/demo.ipynb"
    assert "url = {https://zoo.example/entries/alpha.html}" in page(out).text


def test_names_are_those_of_consent(alpha, tmp_path):
    folder = alpha.root / "zoo/alpha"
    (folder / "model.py").write_text('"""By @dev-one."""\n')
    (folder / "demo.ipynb").write_bytes(notebook("# By @dev-one", "1", "dev-one\n"))
    text = (folder / "README.md").read_text() + "\n## Thanks\n\nTo @dev-one.\n"
    (folder / "README.md").write_text(text)
    zoo = replace(alpha, people=People(alpha.record.roster, {"@dev-one": "anonymous-1"}))
    out = site(zoo, tmp_path / "site")
    files = [*out.rglob("*.html"), *out.rglob("*.ipynb")]
    assert [path for path in files if "dev-one" in path.read_text("utf-8")] == []
    assert page(out).find("dt", string="Reproduced by").find_next("dd").text == "anonymous-1"
    assert "To anonymous-1." in page(out).text
    assert "By @anonymous-1." in page(out, "entries/alpha/source/v2/model.py.html").text


def test_nothing_of_a_hostile_entry_acts(clone, tmp_path):
    claim = {"id": HOSTILE, "dataset": HOSTILE, "metric": HOSTILE, "accept": "<= 90"}
    claim |= {"paper": {"value": 1.0, "where": HOSTILE}, "recipe": "digits"}
    thanks = {
        "what": HOSTILE,
        "source": "javascript:evil()",
        "licence": HOSTILE,
        "files": [HOSTILE],
    }
    folder = add_entry(
        clone,
        "alpha",
        title=HOSTILE,
        paper={"arxiv": HOSTILE, "authors": [HOSTILE], "year": 2013},
        developers=["@dev-one"],
        claims=[claim],
        deviations=[HOSTILE, "[x](javascript:evil())"],
        ai_assistance=HOSTILE,
        acknowledgements=[thanks],
    )
    odd = measured(HOSTILE, protocol=HOSTILE, device=HOSTILE, torch=HOSTILE, seeds=[HOSTILE])
    odd = replace(odd, details={HOSTILE: 1.0, "baselines": {HOSTILE: 2.0}}, status="partial")
    save_results(folder, {HOSTILE: odd})
    weights = folder / "weights" / "digits.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"x")
    save_curve(folder, "digits", [{"step": n, HOSTILE: n} for n in (1, 2)], weights)
    (folder / "samples.png").write_bytes(HOSTILE.encode())
    (folder / "model.py").write_text(f"# </code></pre>{HOSTILE}\n")
    with (folder / "README.md").open("a") as card:
        card.write(f"\n## {HOSTILE}\n\n{HOSTILE}\n\n```{HOSTILE}\n{HOSTILE}\n```\n")
    cell = {"cell_type": "markdown", "metadata": {}, "id": HOSTILE, "source": f"# {HOSTILE}"}
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "demo.ipynb").write_text(json.dumps(content))
    out = site(zoo_of(clone), tmp_path / "site")
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.html"))
    assert [path.rpartition("/")[2] for path in written] == [
        "alpha.html",
        "notebook.html",
        "README.md.html",
        "demo.ipynb.html",
        "model.py.html",
        "recipe.py.html",
        "results.json.html",
    ]
    for path in written:
        assert_harmless(page(out, path), path)


def assert_harmless(shown: BeautifulSoup, path: str) -> None:
    assert all("assets/" in script["src"] and not script.text for script in shown("script")), path
    forbidden = ["style", "iframe", "object", "embed", "base", "template"]
    assert shown(forbidden) == [], path
    acting = [
        (tag.name, name)
        for tag in shown(True)
        for name, value in tag.attrs.items()
        if name.startswith("on") or name == "style" or "javascript" in str(value).lower()
    ]
    assert acting == [], path
    assert [tag["src"] for tag in shown("img")] == [], path
    assert "\u202e" not in str(shown), path
    assert "evil()" in shown.text or "recipe.py" in path, path


def test_a_citation_cannot_leave_its_field(small_zoo):
    shown = small_zoo.shown[0]
    assert bibtex_of_paper(shown) == (
        "@misc{one2013the,\n  title = {{The alpha model}},\n  author = {Ada One and Bea Two},\n"
        "  year = {2013},\n  eprint = {1312.6114},\n  archivePrefix = {arXiv},\n}"
    )
    assert bibtex_of_entry(small_zoo, shown, "abc") == (
        "@software{genzoo-alpha,\n"
        "  title = {{The alpha model: a peer-reviewed reproduction in genzoo}},\n"
        "  author = {{dev-one}},\n  year = {2026},\n  version = {abc},\n}"
    )
    card = yaml.safe_load(Path(shown.entry.folder / "README.md").read_text().split("---")[1])
    card["title"] = "A}}\\input{x} & 100% #_$"
    (shown.entry.folder / "README.md").write_text(f"---\n{yaml.safe_dump(card)}---\n")
    shown.entry.__dict__.pop("card", None)
    assert r"title = {{Ainputx \& 100\% \#\_\$}}," in bibtex_of_paper(shown)


def test_a_curve_is_drawn_within_its_frame_and_said_in_words():
    rows = [[10, 5.0, 1.0, 0.1], [100, None, 2.0, 1.0], [1000, float("nan"), 3.0, 9.0]]
    (only,) = draw(Curve("digits", ["step", "gap", "loss_<b>", "seconds"], rows), "c")
    assert only.name == "loss <b>"
    assert only.summary == "1 at step 10, 3 at step 1,000"
    root = BeautifulSoup(only.svg, "html.parser").svg
    assert root["aria-labelledby"] == "c-0-t c-0-d"
    assert root.title.text == "loss <b> during training"
    points = re.findall(r"([\d.]+) ([\d.]+)", root.find(class_="line")["d"])
    assert points == [("52.0", "170.0"), ("190.0", "92.0"), ("328.0", "14.0")]
    assert [text.text for text in root(class_="at-x")] == ["10", "30", "100", "300", "1k"]
    assert [text.text for text in root(class_="at-y")] == ["1", "1.5", "2", "2.5", "3"]


def test_a_flat_or_negative_curve_is_drawn_too():
    drawn = draw(Curve("r", ["step", "a", "b"], [[1, 0, -5], [2, 0, -7.5]]), "c")
    assert [one.summary for one in drawn] == [
        "0 at step 1, 0 at step 2",
        "-5 at step 1, -7.5 at step 2",
    ]
    assert "−8" in drawn[1].svg
    assert draw(Curve("r", ["step", "a"], [[1, 2]]), "c") == []


def test_words_for_numbers():
    said = [duration(seconds) for seconds in (0.0, 1.53, 75.5, 337.7, 2819, 9000)]
    assert said == ["0 s", "1.5 s", "76 s", "6 min", "47 min", "2.5 h"]
    assert [accepted(text) for text in ("<= 1", ">= 2", "0.9..1.1")] == ["≤ 1", "≥ 2", "0.9 … 1.1"]
