"""The lessons of notebooks/: an overview, and each executed lesson as a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.publish.site import markdown
from tools.publish.site.notebook import notebook_html, renamed
from tools.publish.site.pages import Asset, Page
from tools.publish.site.zoo import Zoo

_OVERVIEW = "lessons/index.html"


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """Nothing where there are no lessons."""
    lessons = [_lesson(zoo, path) for path in zoo.lessons]
    for lesson, path in zip(lessons, zoo.lessons, strict=True):
        yield Asset(lesson["file"], renamed(path.read_bytes(), zoo.people.file))
        yield _page(zoo, lesson, path)
    if lessons:
        yield Page(
            path=_OVERVIEW,
            title="Lessons",
            template="lessons.html.j2",
            context={"lessons": lessons},
            description="Notebooks that compare the entries of the zoo on the same data.",
            section="lessons",
            search="lessons notebooks tour " + " ".join(lesson["title"] for lesson in lessons),
        )


def _lesson(zoo: Zoo, path: Path) -> dict[str, Any]:
    """What the overview says of a lesson: its first heading and the paragraph below it."""
    cells = json.loads(path.read_bytes())["cells"]
    prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    title, _, rest = zoo.people.text(prose[0] if prose else "").partition("\n")
    heading = re.fullmatch(r"#\s+(.+)", title.strip())
    paragraph = re.split(r"\n\s*\n", rest.strip())[0]
    return {
        "title": heading[1] if heading else path.stem.replace("_", " "),
        "about": re.sub(r"[*`$\\]", "", " ".join(paragraph.split())) if heading else "",
        "page": f"lessons/{path.stem}.html",
        "file": f"lessons/{path.stem}.ipynb",
        "size": f"{path.stat().st_size / 2**20:.1f} MiB",
        "cells": len(cells),
        "text": " ".join(prose),
    }


def _page(zoo: Zoo, lesson: dict[str, Any], path: Path) -> Page:
    body = notebook_html(zoo, path, shift=1)
    return Page(
        path=lesson["page"],
        title=lesson["title"],
        template="lesson.html.j2",
        context={
            "lesson": lesson,
            "overview": _OVERVIEW,
            "body": body,
            "toc": [heading for heading in markdown.headings(body) if heading.level <= 3],
        },
        description=lesson["about"],
        section="lessons",
        styles=("prose.css", "notebook.css"),
        scripts=("copy.js",),
        search=zoo.people.text(lesson["text"]),
    )
