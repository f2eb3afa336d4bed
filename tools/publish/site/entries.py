"""The page of an entry, the page of its notebook, and the files they offer."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from tools.process.rules.policy import stamp
from tools.process.times import short
from tools.publish.afterlife import badge
from tools.publish.play.pages import play_href
from tools.publish.site import cite, curve, measured, outcomes
from tools.publish.site.code import highlighted
from tools.publish.site.commands import commands
from tools.publish.site.gallery import STATUS
from tools.publish.site.markdown import headings, inline_markdown, render_markdown, split_sections
from tools.publish.site.notebook import notebook_html, renamed
from tools.publish.site.pages import Asset, Page
from tools.publish.site.source import blob_address, commit_of, files_of, source_href
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.cards import split_front_matter
from zoo.core.curves import load_curve
from zoo.core.files import sha256_of

_PIXELS = 40_000_000
_SIDE = 1400  # pixels of the samples' picture at most


@dataclass(frozen=True)
class Weights:
    """A weights file that readers may download.

    Attributes:
        recipe: that it was trained with.
        path: in the site.
        size: "1.6 MB".
        sha256: of the file.
        claims: ids of the claims that were measured on it.
    """

    recipe: str
    path: str
    size: str
    sha256: str
    claims: list[str]


@dataclass(frozen=True)
class Section:
    """A part of the card: title, id of its heading, and text."""

    title: str
    id: str
    body: Markup


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """Two pages for each entry, with its picture, notebook and weights."""
    for shown in zoo.shown:
        picture = _picture(zoo, shown)
        if picture:
            yield Asset(f"entries/{shown.name}/samples.png", picture)
        for weights in weights_of(shown):
            yield Asset(weights.path, shown.entry.weights_path(weights.recipe))
        notebook = renamed(shown.executed.read_bytes(), zoo.people.file)
        yield Asset(notebook_file(shown.name), notebook)
        yield _entry(zoo, shown, picture)
        yield _notebook(zoo, shown)


def notebook_page(model: str) -> str:
    """Where the rendered notebook of an entry lies in the site."""
    return f"entries/{model}/notebook.html"


def notebook_file(model: str) -> str:
    """Where the executed notebook lies, to download."""
    return f"entries/{model}/{model}.ipynb"


def weights_of(shown: Shown) -> list[Weights]:
    """The shipped weights, those of the first claim first."""
    claims = shown.entry.card.claims
    order = [claim.recipe for claim in claims]
    files = (shown.entry.store / "weights").glob("*.safetensors")
    found = [
        Weights(
            recipe=file.stem,
            path=f"weights/{shown.name}/{file.name}",
            size=_size(file.stat().st_size),
            sha256=sha256_of(file),
            claims=[claim.id for claim in claims if claim.recipe == file.stem],
        )
        for file in files
    ]
    places = {recipe: place for place, recipe in reversed(list(enumerate(order)))}
    return sorted(found, key=lambda w: (places.get(w.recipe, len(order)), w.recipe))


def sections_of(zoo: Zoo, shown: Shown) -> dict[str, Section]:
    """The parts of the card's prose by title; links lead to the pages of files it names."""
    readme = shown.entry.folder / "README.md"
    _, prose = split_front_matter(_text(readme))
    files = {
        path.removeprefix(f"zoo/{shown.name}/"): f"../{source_href(shown.name, 'v2', path)}"
        for path in files_of(zoo, shown, "v2")
    }
    _, parts = split_sections(zoo.people.text(prose))
    made = {}
    for number, (title, text) in enumerate(parts.items()):
        prefix = f"card-{number}-"
        body = render_markdown(text, least=3, prefix=prefix, files=files)
        made[title] = Section(title, f"card-{number}", body)
    return made


def _entry(zoo: Zoo, shown: Shown, picture: bytes | None) -> Page:
    card = shown.entry.card
    sections = sections_of(zoo, shown)
    named = {title.lower(): section for title, section in sections.items()}
    placed = ("what this is", "use", "results", "deviations")
    context: dict[str, Any] = {
        "shown": shown,
        "card": card,
        "people": [zoo.people.shown(handle) for handle in card.developers],
        "picture": _dimensions(picture) if picture else None,
        "named": named,
        "others": [s for title, s in named.items() if title not in placed],
        "addenda": _addenda(zoo, shown),
        "rows": (rows := measured.rows(zoo, shown)),
        "status": STATUS,
        "afterlife": badge(zoo, shown.name),
        "tally": Counter(row.status for row in rows),
        "baselines": _beside(rows),
        "curves": _curves(shown),
        "deviations": [inline_markdown(zoo.people.text(text)) for text in card.deviations],
        "assistance": inline_markdown(zoo.people.text(card.ai_assistance)),
        "weights": weights_of(shown),
        "commands": commands(shown),
        "citations": _citations(zoo, shown),
        "family": _relatives(zoo, shown),
        "review": outcomes.summary(shown),
        "play": play_href(zoo, shown),
        "notebook": notebook_page(shown.name),
        "sources": _sources(zoo, shown),
        "colab": _colab(zoo, shown),
        "github": blob_address(zoo, commit_of(shown, "v2"), f"zoo/{shown.name}"),
    }
    return Page(
        path=f"entries/{shown.name}.html",
        title=card.title,
        template="entry.html.j2",
        context=context,
        description=_description(shown),
        section="gallery",
        styles=("prose.css", "entry.css"),
        scripts=("copy.js",),
        search=_search(shown, sections),
    )


def _addenda(zoo: Zoo, shown: Shown) -> list[tuple[str, str, Markup]]:
    """(moment, the moment in course time, text) of what was found after the acceptance."""
    addenda, zone = shown.state.addenda if shown.state else (), zoo.record.policy.zone
    return [
        (stamp(e.at), short(e.at, zone), inline_markdown(zoo.people.text(e.text))) for e in addenda
    ]


def _notebook(zoo: Zoo, shown: Shown) -> Page:
    body = notebook_html(zoo, shown.executed, shift=1)
    return Page(
        path=notebook_page(shown.name),
        title=f"Notebook: {shown.entry.card.title}",
        template="notebook.html.j2",
        context={
            "shown": shown,
            "body": body,
            "toc": [heading for heading in headings(body) if heading.level in (2, 3)],
            "file": notebook_file(shown.name),
            "size": _size(shown.executed.stat().st_size),
            "colab": _colab(zoo, shown),
            "source": source_href(shown.name, "v2", f"zoo/{shown.name}/demo.ipynb"),
        },
        description=f"The executed demo notebook of {shown.entry.card.title}.",
        section="gallery",
        styles=("prose.css", "notebook.css"),
        scripts=("copy.js",),
        search=" ".join(heading.text for heading in headings(body)),
    )


def _picture(zoo: Zoo, shown: Shown) -> bytes | None:
    """The samples, decoded and written anew: what is served is a picture and nothing else."""
    source = shown.entry.folder / "samples.png"
    if not source.is_file():
        return None
    content, code = source.read_bytes(), Path(__file__).read_bytes()
    try:
        return zoo.cached("samples.png", [content, code], lambda: _written_anew(content))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _written_anew(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.width * image.height > _PIXELS:
            raise ValueError("too many pixels")
        plain = image.convert("L" if image.mode in ("1", "L") else "RGB")
    if max(plain.size) > _SIDE:
        plain.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    plain.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _dimensions(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        return image.size


def _beside(rows: list[measured.Row]) -> list[dict[str, Any]]:
    """For each unit with baselines: simpler models, the paper and this entry, best first."""
    tables: dict[str, dict[str, Any]] = {}
    for row in rows:
        if not (row.result and row.baselines):
            continue
        table = tables.setdefault(
            row.unit, {"unit": row.unit, "direction": row.direction, "rows": {}}
        )
        table["rows"] |= {name: (value, "baseline") for name, value in row.baselines}
        table["rows"][f"this entry, {row.claim.metric}"] = (row.result.value, "ours")
        if row.claim.paper.value is not None:
            where = f"the paper, {row.claim.paper.where}"
            table["rows"][where] = (row.claim.paper.value, "paper")
    for table in tables.values():
        down = table["direction"] == measured.DIRECTIONS["higher"]
        ordered = sorted(table["rows"].items(), key=lambda item: item[1][0], reverse=down)
        table["rows"] = [(name, value, kind) for name, (value, kind) in ordered]
    return list(tables.values())


def _curves(shown: Shown) -> list[tuple[str, str, list[curve.Drawn]]]:
    """(recipe, length of the run, pictures) for weights whose training is on record."""
    found = []
    for weights in weights_of(shown):
        loaded = load_curve(shown.entry.store, weights.recipe)
        drawn = curve.draw(loaded, f"curve-{weights.recipe}") if loaded else []
        if loaded and drawn:
            found.append((weights.recipe, f"{loaded.rows[-1][0]:,.0f} steps", drawn))
    return found


def _citations(zoo: Zoo, shown: Shown) -> list[tuple[str, str, Markup]]:
    version = (commit_of(shown, "v2") or zoo.commit)[:12]
    texts = [
        ("paper", "The paper", cite.bibtex_of_paper(shown)),
        ("entry", "This reproduction", cite.bibtex_of_entry(zoo, shown, version)),
    ]
    return [(name, label, highlighted(text, "text")) for name, label, text in texts]


def _relatives(zoo: Zoo, shown: Shown) -> dict[str, list[Shown]]:
    """Entries whose code this one builds on, and those that build on it."""
    return {
        "on": [other for other in zoo.shown if other.name in shown.entry.card.builds_on],
        "by": [other for other in zoo.shown if shown.name in other.entry.card.builds_on],
    }


def _sources(zoo: Zoo, shown: Shown) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(label, commit, [(file, page)]) for each version that is shown."""
    labels = {"v2": "Version 2", "v1": "Version 1, frozen for review"}
    found = []
    for version in ("v2", "v1"):
        folder = f"zoo/{shown.name}/"
        files = [p for p in files_of(zoo, shown, version) if p.startswith(folder)]
        links = [(p.removeprefix(folder), source_href(shown.name, version, p)) for p in files]
        if links:
            commit = commit_of(shown, version)
            label = labels[version] if commit else "Working version"
            found.append((label, commit[:10], links))
    return found


def _colab(zoo: Zoo, shown: Shown) -> str:
    """The notebook on Colab at the frozen commit; "" where the policy names no repository."""
    repository = zoo.record.policy.publication.repository
    commit = commit_of(shown, "v2") or zoo.commit
    if not (repository and commit):
        return ""
    path = f"{repository}/blob/{commit}/zoo/{shown.name}/demo.ipynb"
    return f"https://colab.research.google.com/github/{path}"


def _description(shown: Shown) -> str:
    card = shown.entry.card
    authors = ", ".join(card.paper.authors[:3]) + (" et al." if len(card.paper.authors) > 3 else "")
    return f"{card.title} ({authors}, {card.paper.year}), reproduced and measured in PyTorch."


def _search(shown: Shown, sections: dict[str, Section]) -> str:
    card = shown.entry.card
    claims = " ".join(f"{c.id} {c.metric} {c.dataset}" for c in card.claims)
    texts = " ".join(Markup(section.body).striptags() for section in sections.values())
    return f"{shown.name} {card.family} {' '.join(card.paper.authors)} {claims} {texts}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
