"""The generated parts of README.md: the table of claims and the picture of samples.

python -m tools.readme            # rewrite both after a measurement
python -m tools.readme --check    # fail when the table is not what cards and results say
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from tools.claims import claim_cells
from zoo.core.errors import ZooError
from zoo.core.files import replacing
from zoo.core.registry import ZOO_FOLDER, entry_names, get_entry

README = ZOO_FOLDER.parent / "README.md"
PICTURE = ZOO_FOLDER / "samples.png"
BEGIN, END = "<!-- claims: written by tools/readme.py -->", "<!-- end of claims -->"
MARKS = {"reproduced": "✔ reproduced", "partial": "◐ partial", "not-reproduced": "✖ not reproduced"}
COLUMNS, PIXELS = 16, 56  # samples per entry and the width of one on the picture
GAP = 8  # pixels on both sides of a name


def claims_table() -> str:
    """Markdown table: one row per claim of every entry, from cards and results."""
    lines = [
        "| entry | paper | claim | data | paper's value | accepted | measured | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in entry_names():
        entry = get_entry(name)
        paper = f"[{entry.card.paper.arxiv}](https://arxiv.org/abs/{entry.card.paper.arxiv})"
        for claim in entry.card.claims:
            _, metric, data, theirs, accepted, ours, status = claim_cells(entry, claim)
            recipe = "" if claim.recipe == claim.dataset else f" ({claim.recipe})"
            cells = (
                f"[`{name}`](zoo/{name}/README.md)",
                paper,
                metric + recipe,
                data,
                theirs,
                accepted,
                ours,
                MARKS.get(status, status),
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """README text with the table between its two markers replaced.

    Raises:
        ZooError: the markers are missing.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ZooError(f"README.md needs the lines '{BEGIN}' and '{END}' around the table")
    return f"{head}{BEGIN}\n\n{claims_table()}\n\n{END}{tail}"


def paint(path: Path = PICTURE) -> None:
    """One row of samples per entry with MNIST weights: seed 0, the first ones, unpicked."""
    from PIL import Image, ImageDraw, ImageFont

    from tools.samples import draw

    rows = [name for name in entry_names() if get_entry(name).weights_path("mnist").exists()]
    font = ImageFont.load_default(18)
    margin = 2 * GAP + math.ceil(max(font.getlength(name) for name in rows))
    picture = Image.new("L", (margin + COLUMNS * PIXELS, len(rows) * PIXELS), 255)
    pen = ImageDraw.Draw(picture)
    for row, name in enumerate(rows):
        pen.text((GAP, (row + 0.5) * PIXELS), name, fill=0, font=font, anchor="lm")
        for column, image in enumerate(draw(get_entry(name), COLUMNS, _pictured(name))):
            grey = image[0].clamp(0, 1).mul(255).round().byte().numpy()
            tile = Image.fromarray(grey).resize((PIXELS, PIXELS), Image.Resampling.NEAREST)
            picture.paste(tile, (margin + column * PIXELS, row * PIXELS))
    with replacing(path) as temporary:
        picture.save(temporary, optimize=True)


def _pictured(name: str) -> str:
    """The first claim's recipe if it is one of MNIST's, such as a second stage; else `mnist`."""
    recipe = get_entry(name).default_recipe
    return recipe if recipe.startswith("mnist") else "mnist"


def main() -> None:
    """Write both parts, or check the table."""
    text = README.read_text(encoding="utf-8")
    new = with_table(text)
    if "--check" in sys.argv[1:]:
        if new != text:
            sys.exit("README.md: the table of claims is not current: python -m tools.readme")
        return
    with replacing(README) as temporary:
        temporary.write_text(new, encoding="utf-8")
    paint()


if __name__ == "__main__":
    main()
