"""A page per entry on which its model runs in the reader's browser.

The runtime and every model are scripts that hold compressed bytes as text: so one way serves a site
on a server and one opened from disk, where a page may load scripts but not fetch files. They are
loaded when the reader asks for them.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import math
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from tools.publish.play.runtime import Runtime, load_runtime
from tools.publish.site.gallery import picture_of
from tools.publish.site.mathml import to_mathml
from tools.publish.site.pages import Asset, Page
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.errors import ZooError
from zoo.core.evidence import code_digest
from zoo.core.families import kind_of
from zoo.core.files import sha256_of

# Family by family: the script that plays with it, and what the reader is invited to do.
PLAYERS = {
    "latent-variable": ("latent", "Explore the latent space"),
    "adversarial": ("latent", "Explore the generator"),
    "flow": ("latent", "Walk between pictures"),
    "autoregressive": ("autoregressive", "Draw pixel by pixel"),
    "diffusion": ("diffusion", "Denoise step by step"),
}
POLICY = {"script-src": ["'wasm-unsafe-eval'"], "connect-src": ["blob:"]}
_HERE = Path(__file__).parent
_SCRIPT, _WASM = "play/ort.js", "play/ort-wasm.js"


def play_href(zoo: Zoo, shown: Shown) -> str | None:
    """The page, from the site's root, on which an entry's model runs; None if it has none."""
    has_one = played_recipe(shown) and _runtime(zoo.cache.parent)
    return f"play/{shown.name}.html" if has_one else None


def played_recipe(shown: Shown) -> str | None:
    """The recipe that is played with: of the first claim on pictures whose weights are shipped."""
    card = shown.entry.card
    if card.family not in PLAYERS:
        return None
    claims = (c for c in card.claims if shown.entry.weights_path(c.recipe).is_file())
    return next((claim.recipe for claim in claims if _has_pictures(claim.dataset)), None)


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """The pages on which models run, their scripts and their models."""
    runtime = _runtime(zoo.cache.parent)
    playable = [shown for shown in zoo.shown if play_href(zoo, shown)]
    if not playable or runtime is None:
        return
    wasm = zoo.cached("ort-wasm.js", [runtime.wasm], lambda: _delivering("wasm", runtime.wasm))
    yield Asset(_SCRIPT, runtime.script)
    yield Asset(_WASM, wasm)
    for name, text in runtime.licences.items():
        yield Asset(f"play/onnxruntime-{Path(name).stem}.txt", text)
    for path in sorted((_HERE / "assets").iterdir()):
        yield Asset(f"assets/{path.name}", path)
    for shown in playable:
        yield from _page(zoo, shown, _loaded(len(runtime.script) + len(wasm)))


def _page(zoo: Zoo, shown: Shown, runtime: int) -> Iterator[Page | Asset]:
    entry, recipe = shown.entry, played_recipe(shown)
    player, invitation = PLAYERS[entry.card.family]
    picture = picture_of(zoo, shown)
    if picture:
        yield Asset(picture.path, picture.content)
    context = {
        "shown": shown,
        "recipe": recipe,
        "player": player,
        "invitation": invitation,
        "picture": picture,
        "math": to_mathml,
        "sha256": sha256_of(entry.weights_path(recipe)),
        "runtime": {"script": _SCRIPT, "wasm": _WASM},
    }
    try:
        script, facts = model_script(zoo, shown, recipe)
    except ZooError as error:
        context |= {"reason": str(error), "classes": 0}
    else:
        path = f"play/{shown.name}.onnx.js"
        yield Asset(path, script)
        size = runtime + _loaded(len(script))
        context |= {"model": path, "size": f"{size / 1e6:.1f} MB", "reason": ""}
        context["classes"] = facts.get("classes", 0)
    yield Page(
        path=f"play/{shown.name}.html",
        title=f"{invitation}: {entry.card.title}",
        template=f"play-{player}.html.j2",
        context=context,
        description=f"{entry.card.title}: the trained model runs in this page.",
        section="gallery",
        styles=("prose.css", "play.css"),
        scripts=("play-core.js", f"play-{player}.js"),
        policy=POLICY,
        search=f"{entry.card.title} {invitation} play interactive model in the browser",
    )


def model_script(zoo: Zoo, shown: Shown, recipe: str) -> tuple[bytes, dict[str, Any]]:
    """The script that delivers an entry's model with its facts, and these facts.

    Both come from the cache where nothing has changed.

    Raises:
        ZooError: the model cannot be exported; the message says why in plain words.
    """
    entry = shown.entry
    made_by = [_HERE / name for name in ("pages.py", "export.py", "facts.py")]
    parts = [
        recipe.encode(),
        entry.card.family.encode(),
        sha256_of(entry.weights_path(recipe)).encode(),
        code_digest(entry.folder, entry.card.builds_on).encode(),
        hashlib.sha256(b"".join(path.read_bytes() for path in made_by)).digest(),
        *(version(package).encode() for package in ("torch", "onnx")),
        str([_at_hand(claim.dataset) for claim in entry.card.claims]).encode(),
    ]
    kept = zoo.cached("onnx.js", parts, lambda: _exported(shown, recipe))
    told, _, script = kept.partition(b"\n")
    return script, json.loads(told)


def _exported(shown: Shown, recipe: str) -> bytes:
    """One line with the facts, then the script."""
    from tools.publish.play.export import export, is_picture
    from tools.publish.play.facts import facts

    entry = shown.entry
    model = entry.load(recipe).requires_grad_(False)
    if not is_picture(tuple(model.event_shape)):
        raise ZooError("its examples are not small pictures")
    if kind_of(model, entry.card.family) != entry.card.family:
        raise ZooError("its latent variables are integers, and this page is for real ones")
    task = entry.task(entry.config(recipe))
    told = json.dumps(facts(model, entry.card.family, task), sort_keys=True).encode()
    content = export(model, entry.card.family)
    return told + b"\n" + _delivering("facts", told) + _delivering("model", content)


def _delivering(name: str, content: bytes) -> bytes:
    """A script that hands compressed bytes to the page that loads it."""
    text = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
    return f'zooPlay.deliver("{name}", "{text}");\n'.encode()


def _loaded(size: int) -> int:
    """Bytes that travel for a script of so many: a server compresses base64 back."""
    return math.ceil(size * 3 / 4)


def _has_pictures(dataset: str) -> bool:
    from zoo.core.data import DATASETS

    return dataset in DATASETS


def _at_hand(dataset: str) -> bool:
    """Whether test pictures can be encoded without a download."""
    from zoo.core.data import is_available

    return is_available(dataset)


@functools.cache
def _runtime(cache: Path) -> Runtime | None:
    """The runtime; without it the site has no models to play with, and the builder says so once."""
    try:
        return load_runtime(cache)
    except ZooError as error:
        click.echo(f"the site has no models to play with: {error}", err=True)
        return None
