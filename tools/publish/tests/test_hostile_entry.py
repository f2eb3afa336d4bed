"""A hostile entry on a real site in a real browser: nothing of it runs, loads, leads or covers."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from tools.process.ledger import events as ev
from tools.process.tests import revision
from tools.process.tests.conftest import begun
from tools.publish.people import people_of
from tools.publish.site.build import SECTIONS, build
from tools.publish.site.inspect import inspect
from tools.publish.site.pages import Page
from tools.publish.site.zoo import Shown, Zoo
from tools.publish.tests import browsing, hostile
from tools.publish.tests.conftest import add_entry, measured
from zoo.core.evidence import save_results
from zoo.core.registry import ZOO_FOLDER, Entry

NAMES = (
    "javascript:alert(1).md",
    "<img src=x onerror=alert(1)>.py",
    '" onclick="alert(1)#?x&y.json',
    "__proto__.yaml",
    "..%2f..%2fx.py",
    "evil\u202eyp.md",
)
ROSTER = """\
people:
  - {handle: "@instructor-one", role: instructor}
  - {handle: "@dev-one", role: developer, consent: name, name: NAME}
  - {handle: "@dev-two", role: developer, consent: handle}
  - {handle: "@rev-one", role: reviewer, consent: name, name: NAME}
  - {handle: "@rev-two", role: reviewer, consent: handle}
"""
# What is wrong with a page as it stands in the window: covered, too wide, or with a forbidden part.
FAULTS = """
() => {
  const found = [];
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) found.push("wider than the window by " + wide);
  const heading = ".crumbs a, main h1:not(.visually-hidden)";
  for (const name of [".brand", ".masthead nav a", "[data-theme-toggle]", heading]) {
    const node = document.querySelector(name);
    node.scrollIntoView({ block: "start", behavior: "instant" });
    const box = node.getClientRects()[0];
    const top = document.elementFromPoint(box.x + Math.min(box.width, 20) / 2, box.y + 5);
    if (!top || !(node.contains(top) || top.contains(node))) found.push("covered: " + name);
  }
  const main = document.getElementById("main");
  if (main.tagName !== "MAIN" || main.clientWidth < 300) found.push("no main");
  for (const node of main.querySelectorAll("*")) {
    const style = getComputedStyle(node);
    if (style.position === "fixed" || style.zIndex > 1) found.push("lifted: " + node.tagName);
  }
  const never = "base, iframe, object, embed, dialog, meta[http-equiv=refresh i], form[action], " +
    "main :is(script, style, link, input:not([type=radio], [type=range], [type=number]), [style])";
  for (const node of document.querySelectorAll(never)) found.push(node.outerHTML.slice(0, 80));
  for (const node of document.querySelectorAll("*")) {
    for (const { name, value } of node.attributes) {
      const leads = /^(href|src|data|action|formaction|xlink:href)$/.test(name);
      const scheme = leads && URL.canParse(value, location) && new URL(value, location).protocol;
      const runs = scheme === "javascript:" || (scheme === "data:" && node.tagName !== "IMG");
      if (name.startsWith("on") || runs) found.push(name + "=" + value.slice(0, 80));
    }
  }
  return found;
}
"""


def _review(commit: str) -> str:
    said = re.sub("^#+ ", "### ", hostile.MARKDOWN, flags=re.MULTILINE)
    text = _real_review(commit).replace("I read all of it.", said)
    text = text.replace("- It is short.", hostile.HTML).replace(": Finding", f": {hostile.TEXT}")
    for part in ("The paper has another number", "The line says", "Change the number"):
        text = text.replace(part, f"{hostile.HTML}\n{hostile.TEX}\n{part}")
    return text.replace("Equation 3 agrees", f"{hostile.HTML} agrees")


def _answered(term: Any, *answers: str) -> None:
    _real_answered(term, *answers)
    path = term.root / revision.RESPONSE
    said = f"{hostile.HTML}\n{hostile.TEX}\n[l](javascript:{hostile.ACT})"
    path.write_text(path.read_text().replace("Equation 3 has it so.", said))


_real_review, _real_answered = revision.review, revision.answered


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """A term whose developers and reviewers all mean harm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revision, "review", _review)
        patch.setattr(revision, "answered", _answered)
        term = begun(tmp_path_factory.mktemp("hostile"), patch)
        folder = add_entry(term.root, "toy", developers=["@dev-one", "@dev-two"], **hostile.card())
        prose = (
            f"\n## What this is\n\nx\n\n## {hostile.TEXT}\n\n## Limitations\n\n{hostile.MARKDOWN}"
        )
        with (folder / "README.md").open("a") as readme:
            readme.write(prose)
        claim = hostile.card()["claims"][0]["id"]
        said = {"device": hostile.HTML, "torch": hostile.HTML, "protocol": hostile.TEXT}
        details = {"baselines": {hostile.HTML: 206.0, "__proto__": 1.0}, hostile.HTML: 1.0}
        save_results(folder, {claim: measured(claim, details=details, **said)})
        for name in NAMES:
            (folder / name).write_text(hostile.HTML)
        for name in ("CITATION.cff", "LICENSE"):
            shutil.copy(ZOO_FOLDER.parent / name, term.root)
        roster = ROSTER.replace("NAME", json.dumps(hostile.HTML[:60]))
        (term.root / "reviews" / "roster.yaml").write_text(roster)
        term.git("add", ".")
        term.git("commit", "--quiet", "-m", "Hostile")
        revision.revise(term)
        revision.submitted(term)
        for number in (1, 2, 3):
            signed = ev.SignedOff(f"rev-one/F0{number}", "partial", hostile.TEXT)
            term.happens("toy", "@rev-one", signed)
        executed = term.root / "executed.ipynb"
        executed.write_bytes(hostile.notebook())
        shown = Shown(Entry("toy", folder), term.state("toy"), executed)
        people = people_of(term.record.roster, "0" * 40)
        cache = term.root / "build" / "cache" / "site"
        yield Zoo(term.record, [shown], [executed], people, "0" * 40, cache, draft=True)


@pytest.fixture(scope="module")
def site(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site of that term."""
    out = tmp_path_factory.mktemp("served") / "course" / "site"
    out.parent.mkdir()
    build(zoo, out, sections=SECTIONS)
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing.chromium() as opened:
        yield opened


def paths(site: Path) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


def test_every_kind_of_page_was_made(site):
    names = paths(site)
    wanted = ["index.html", "compare.html", "about.html", "lessons/executed.html"]
    wanted += ["entries/toy.html", "entries/toy/notebook.html", "entries/toy/review.html"]
    assert set(wanted) <= set(names)
    assert sum("/source/v1/" in name for name in names) >= 2 + len(NAMES)


def test_the_site_is_valid_and_links_to_nothing_foreign(site):
    assert inspect(site) == []


def test_what_is_oversized_is_cut_or_left_out_and_said(site):
    text = (site / "entries" / "toy" / "notebook.html").read_text("utf-8")
    assert "Left out: an output of 800,000 characters." in text
    assert re.search(r"350,0\d\d more characters are in the notebook file", text)
    assert len(text) < 1_000_000


@pytest.mark.parametrize("place", browsing.PLACES)
@pytest.mark.parametrize("policy", ["with its policy", "without its policy"])
def test_on_no_page_anything_runs_loads_leads_or_covers(browser, site, place, policy):
    """Without the policy only the escaping protects, and it does so alone."""
    bypass = policy == "without its policy"
    with browsing.addresses(site) as address:
        visit = browsing.Visit(browser, address[place], bypass_csp=bypass)
        for path in paths(site):
            page = visit.open(path)
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate(FAULTS) == [], (path, width)
            assert page.evaluate("window.owned") is None, path
            assert visit.where() == path
            assert visit.faults == [], path
            assert len(visit.context.pages) == 1
        visit.close()


@pytest.mark.parametrize("place", browsing.PLACES)
def test_the_policy_alone_protects_where_everything_is_written_as_it_came(
    browser, zoo, tmp_path, place
):
    """A page that forgets to clean; only what leads away by itself no policy refuses."""
    raw = Markup(hostile.HTML.replace('http-equiv="refresh"', 'name="r"'))

    def careless(zoo: Zoo) -> Iterator[Page]:
        yield Page("index.html", "Raw", "plain.html.j2", {"body": raw})
        yield Page("about.html", "Raw", "plain.html.j2")

    build(zoo, tmp_path / "course" / "site", sections=[careless])
    with browsing.addresses(tmp_path / "course" / "site") as address:
        visit, left = browsing.Visit(browser, address[place]), []
        # Only what the policy lets through comes as far as this.
        visit.context.route("https://*/**", lambda route: left.append(route.request.url))
        page = visit.open("index.html")
        assert page.evaluate("window.owned") is None
        assert page.evaluate("document.baseURI").startswith(visit.address)
        assert visit.where() == "index.html"
        assert left == []
        assert not [fault for fault in visit.faults if fault.startswith("dialog")]
        assert any("script-src" in fault for fault in visit.faults)
        visit.close()


def test_words_in_the_address_and_in_the_search_are_text(browser, site):
    spell = f"<img src=x onerror={hostile.ACT}>"
    queries = [spell, "__proto__", "constructor", "</script>", "evil end", "\\", "[(*+?", "\u202e"]
    with browsing.addresses(site) as address:
        visit = browsing.Visit(browser, address["http"])
        for ending in (f"#family={spell}&data=__proto__", f"?q={spell}", f"#{spell}", "#family=%"):
            visit.page.goto("about:blank")
            page = visit.open(f"index.html{ending}")
            assert page.locator(".plate:visible").count() == 1
            assert page.locator("main img[src=x]").count() == 0
        found = []
        for query in queries:
            page.locator("#search").fill(query)
            page.wait_for_function("window.zooIndex")
            page.locator(".found p", has_text="page").wait_for()
            found.append(page.locator(".found a").count())
            assert page.locator(".found img").count() == 0
        assert found[4] > 0
        page.locator("#search").fill("evil end")
        title = page.locator(".found strong").first.inner_text()
        assert "⟨U+202E⟩" in title
        assert "\u202e" not in title
        assert page.evaluate(
            "[window.owned, {}.polluted, Object.keys(Object.prototype).length]"
        ) == [None, None, 0]
        assert visit.faults == []
        visit.close()
