"""The comparison: what stands on one axis, how it is marked, and that no labels meet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools.process.git import git
from tools.publish.site.build import build
from tools.publish.site.chart import Mark, Strip, draw
from tools.publish.site.compare import likelihood_panels, pages, sampler_panels
from tools.publish.site.costs import stored_numbers
from tools.publish.site.inspect import inspect
from tools.publish.site.pages import Page
from tools.publish.tests.conftest import add_entry, measured, zoo_of
from zoo.core.evidence import save_results
from zoo.core.registry import get_entry

LETTER = 6.0  # pixels; less than the figure reckons with, more than the font needs


def claim(name: str, dataset: str, metric: str, accept: str = "<= 100", paper: float | None = None):
    return {
        "id": name,
        "dataset": dataset,
        "metric": metric,
        "paper": {"value": paper, "where": "Table 1"},
        "accept": accept,
        "recipe": "digits",
    }


def add(root: Path, name: str, metric: str, value: float, dataset: str = "mnist", **fields) -> None:
    """An entry with one measured claim."""
    accept = fields.pop("accept", "<= 100")
    folder = add_entry(root, name, claims=[claim("the-claim", dataset, metric, accept)])
    result = measured("the-claim", value, protocol=f"{metric}/1", **fields)
    save_results(folder, {"the-claim": result})


@pytest.fixture
def twenty(clone):
    """Twenty measured entries of all kinds, with long names."""
    baselines = {"baselines": {f"Bernoulli mixture, K = {k}": 150.0 - k for k in range(1, 9)}}
    for i in range(8):
        metric = ("nll-nats", "elbo-nats")[i % 2]
        add(clone, f"likelihood_{i}", metric, 80 + 3.7 * i, "binarized-mnist", details=baselines)
    for i in range(5):
        metric = ("bits-per-dim", "bits-per-dim-bound")[i % 2]
        add(clone, f"a_long_name_of_a_flow_{i}", metric, 1.1 + i / 7, sd=0.002)
    for i in range(7):
        add(clone, f"sampler_{i}", "cnn-fd-ratio", 3.0**i + 1, details={"floor": 0.07})
    git(clone, "add", ".")
    git(clone, "commit", "-q", "-m", "Twenty")
    return zoo_of(clone)


def labels(svg: str) -> list[tuple[float, float, float, str]]:
    """(left, right, baseline, text) of every text."""
    found = []
    pattern = r'<text class="([\w-]+)" x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([^<]*)<'
    for name, x, y, anchor, text in re.findall(pattern, svg):
        size = LETTER * (1.2 if name in ("strip-name", "strip-value") else 1)
        width = size * len(text)
        left = float(x) - {"start": 0, "middle": width / 2, "end": width}[anchor]
        found.append((left, left + width, float(y), text))
    return found


def meeting(svg: str) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other."""
    texts = labels(svg)
    return [
        (a[3], b[3])
        for i, a in enumerate(texts)
        for b in texts[i + 1 :]
        if abs(a[2] - b[2]) < 11 and a[0] < b[1] and b[0] < a[1]
    ]


def test_units_and_data_have_axes_of_their_own(twenty):
    panels = likelihood_panels(twenty)
    assert [(panel.title, panel.unit, len(panel.points)) for panel in panels] == [
        ("MNIST, made binary", "nats", 8),
        ("MNIST, 256 grey levels", "bits/dim", 5),
    ]
    assert [len(panel.points) for panel in sampler_panels(twenty)] == [7]


def test_a_bound_is_marked_in_the_figure_and_in_words(twenty):
    panel = likelihood_panels(twenty)[0]
    bounds = {point.shown.name: point.bound for point in panel.points}
    assert bounds == {f"likelihood_{i}": i % 2 == 1 for i in range(8)}
    svg = draw(panel.strip)
    assert svg.count('class="strip-bound"') == svg.count('class="strip-arrow"') == 4
    assert svg.count('class="strip-exact"') == 4
    assert [point.text for point in panel.points[:2]] == ["80.00 ± 0.25", "≤ 83.70 ± 0.25"]
    assert "likelihood_1 ≤ 83.70 ± 0.25" in panel.strip.description


def test_what_is_not_known_to_be_exact_counts_as_a_bound(clone):
    add(clone, "alpha", "iw500-nats", 90.0)
    assert [p.bound for panel in likelihood_panels(zoo_of(clone)) for p in panel.points] == [True]


def test_log_densities_are_not_shown_where_fewer_nats_are_better(clone):
    add(clone, "alpha", "logit-nats", -1300.0, accept=">= -1320")
    add(clone, "beta", "nll-nats", 80.0)
    assert [p.shown.name for panel in likelihood_panels(zoo_of(clone)) for p in panel.points] == [
        "beta"
    ]


def test_a_distance_without_its_ratio_is_divided_by_its_floor(clone):
    add(clone, "alpha", "cnn-fd", 0.7, sd=0.07, accept="<= 1.4", details={"floor": 0.07})
    (panel,) = sampler_panels(zoo_of(clone))
    assert panel.points[0].value == pytest.approx(10)
    assert panel.strip.marks[0].sd == pytest.approx(1)
    assert panel.strip.marks[0].high == pytest.approx(20)
    assert panel.strip.lines == [("real training images = 1", 1.0)]


@pytest.mark.parametrize("narrow", [False, True])
def test_no_labels_meet_or_leave_the_figure(twenty, narrow):
    for panel in (*likelihood_panels(twenty), *sampler_panels(twenty)):
        svg = draw(panel.strip, narrow)
        assert meeting(svg) == []
        width = 360 if narrow else 960
        assert [text for left, right, _, text in labels(svg) if left < 0 or right > width] == []


def test_labels_of_lines_side_by_side_do_not_meet():
    mark = Mark("m", "n", 1.0, 0.1, "1.0", False, None, 1.2, 1.1, "flow")
    lines = [(f"a baseline with a long name, {i}", 9.0 + i / 50) for i in range(6)]
    svg = draw(Strip([mark], lines, "nats", "x"))
    assert meeting(svg) == []
    assert {text for *_, text in labels(svg)} >= {name for name, _ in lines}
    assert [text for left, right, _, text in labels(svg) if left < 0 or right > 960] == []


def test_intervals_ranges_and_the_papers_value_are_drawn_to_scale():
    mark = Mark("m", "n", 2.0, 1.0, "2.0", False, 1.0, 3.0, 2.0, "flow")
    svg = draw(Strip([mark], [], "nats", "x"))
    dot = float(re.search(r'<circle class="strip-exact" cx="([\d.]+)"', svg)[1])
    low, high = (
        float(x) for x in re.search(r'strip-interval" x1="([\d.]+)".*?x2="([\d.]+)"', svg).groups()
    )
    left, width = re.search(r'strip-accept" x="([\d.]+)".*?width="([\d.]+)"', svg).groups()
    assert dot - low == pytest.approx(high - dot, abs=0.11)
    assert float(left) == low
    assert float(width) == pytest.approx(high - low, abs=0.11)
    assert f'<path class="strip-paper" d="M{dot} ' in svg


def test_the_page_is_whole_and_says_who_is_left_out(twenty, tmp_path):
    add_entry(twenty.root, "unmeasured")

    def sections(zoo):
        yield from pages(zoo)
        for path in ("index.html", "about.html"):
            yield Page(path, "Else", "base.html.j2")

    build(zoo_of(twenty.root), tmp_path / "site", sections=[sections])
    text = (tmp_path / "site" / "compare.html").read_text()
    assert "Without a measured likelihood or distance: unmeasured." in text
    tables = BeautifulSoup(text, "html.parser").select(".stacked table")
    assert len(tables) == 4
    for table in tables:  # on a phone, each cell stands beside its column's name
        _, *names = (head.get_text() for head in table.select("thead th"))
        for row in table.select("tbody:not(.baselines) tr"):
            assert [cell["data-label"] for cell in row.select("td")] == names
    assert [line for line in inspect(tmp_path / "site") if line.startswith("compare")] == []


def test_names_are_shown_as_text(clone):
    mark = Mark("<script>", '"n"', 1.0, 0.0, "1", False, None, None, None, "flow")
    assert "<script>" not in draw(Strip([mark], [("<b>", 2.0)], "<i>", '"><b>'))
    assert "<b>" not in draw(Strip([mark], [("<b>", 2.0)], "<i>", '"><b>'))


def test_a_zoo_without_measurements_has_no_comparison(clone):
    add_entry(clone, "alpha")
    assert list(pages(zoo_of(clone))) == []


def test_stored_numbers_are_read_from_the_header():
    from safetensors import safe_open

    path = get_entry("vae").weights_path("digits")
    with safe_open(str(path), framework="np") as file:
        assert stored_numbers(path) == sum(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118
