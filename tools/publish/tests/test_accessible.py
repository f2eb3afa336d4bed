"""No page has a fault that axe-core finds by the rules of WCAG A and AA, in either theme."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tools.process.ledger import events as ev
from tools.process.tests.conftest import Term, term  # noqa: F401
from tools.process.tests.revision import revise, submitted
from tools.publish.site import compare, entries, gallery, record, source
from tools.publish.site.build import build
from tools.publish.site.pages import Page
from tools.publish.tests.browsing import chromium
from tools.publish.tests.conftest import add_entry, measured, zoo_of
from zoo.core.evidence import save_results

AXE = "axe-core@4.14.1"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
PAGES = ("index.html", "entries/toy.html", "entries/toy/review.html", "compare.html")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@pytest.fixture
def axe(tmp_path: Path) -> str:
    """The source of axe-core, from npm's registry."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine")
    done = subprocess.run([npm, "pack", "--silent", AXE], cwd=tmp_path, capture_output=True)
    if done.returncode:
        pytest.skip(f"npm does not give {AXE}")
    with tarfile.open(next(tmp_path.glob("axe-core-*.tgz"))) as archive:
        content = archive.extractfile("package/axe.min.js").read()
    assert hashlib.sha256(content).hexdigest() == AXE_SHA256
    return content.decode()


@pytest.fixture
def site(term: Term, tmp_path: Path) -> Path:  # noqa: F811
    """A site with one reviewed entry that was measured in two ways."""
    claims = [
        {
            "id": name,
            "dataset": data,
            "metric": metric,
            "paper": {"value": 90.0, "where": "Table 1"},
            "accept": "<= 100",
            "recipe": "digits",
        }
        for name, data, metric in (
            ("bound", "binarized-mnist", "elbo-nats"),
            ("distance", "mnist", "cnn-fd-ratio"),
        )
    ]
    folder = add_entry(term.root, "toy", claims=claims)
    details = {"baselines": {"independent Bernoulli": 206.0, "mixture": 130.0}}
    bound = measured("bound", 95.5, details=details)
    save_results(folder, {"bound": bound, "distance": measured("distance", 15.0)})
    term.git("add", ".")
    term.git("commit", "--quiet", "-m", "A measured entry")
    submitted(revise(term))
    for number, outcome in enumerate(("verified", "partial", "not-fixed"), 1):
        reason = "" if outcome == "verified" else "Still open."
        term.happens("toy", "@rev-one", ev.SignedOff(f"rev-one/F0{number}", outcome, reason))

    def rest(zoo):
        for path in ("about.html", "lessons/index.html"):
            yield Page(path, "Else", "base.html.j2")

    parts = (gallery, entries, source, record, compare)
    zoo = zoo_of(term.root, {"toy": term.state("toy")})
    build(zoo, tmp_path / "site", sections=[*(part.pages for part in parts), rest])
    return tmp_path / "site"


def test_axe_finds_nothing(site, axe):
    found = []
    with chromium() as browser:
        for theme in ("light", "dark"):
            for width in (1280, 390):
                window = browser.new_page(
                    color_scheme=theme, viewport={"width": width, "height": 900}
                )
                for path in PAGES:
                    window.goto((site / path).as_uri())
                    window.evaluate(axe)
                    result = window.evaluate(
                        "rules => axe.run({runOnly: {type: 'tag', values: rules}})", RULES
                    )
                    assert result["passes"], path
                    for fault in result["violations"]:
                        places = [node["target"] for node in fault["nodes"]]
                        found.append((path, theme, width, fault["id"], places))
    assert found == []
