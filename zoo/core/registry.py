"""The entries of the zoo, found by looking for `zoo/<model>/recipe.py`; imports no torch."""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from zoo.core.cards import Card, load_card
from zoo.core.errors import ZooError, nearest

if TYPE_CHECKING:
    from torch import nn

    from zoo.core.recipes import Task, TrainingConfig

ZOO_FOLDER = Path(__file__).resolve().parents[1]
EMBEDDED = ("digits", "docstrings")  # recipes named after the data that need no download


@dataclass(frozen=True)
class Entry:
    """One folder `zoo/<name>/`: a paper's code, card, recipes, weights and results.

    Attributes:
        name: name of the folder and of the package.
        folder: where the code and the card lie.
        elsewhere: where weights and results lie, if not in the folder itself.
    """

    name: str
    folder: Path
    elsewhere: Path | None = None

    @property
    def store(self) -> Path:
        """The folder of weights/ and results.json."""
        return self.elsewhere or self.folder

    @functools.cached_property
    def card(self) -> Card:
        """The model card's front matter."""
        return load_card(self.folder)

    @functools.cached_property
    def recipe_module(self) -> ModuleType:
        """The imported `zoo.<name>.recipe`."""
        return importlib.import_module(f"zoo.{self.name}.recipe")

    @property
    def recipes(self) -> dict[str, TrainingConfig]:
        """Named configurations."""
        return self.recipe_module.RECIPES

    def config(self, recipe: str, settings: dict[str, str] | None = None) -> TrainingConfig:
        """The configuration of a recipe, with fields replaced by values given as text.

        Raises:
            ZooError: unknown recipe or field, or a value of the wrong type.
        """
        from zoo.core.recipes import with_overrides

        if recipe not in self.recipes:
            raise ZooError(f"{self.name} has no recipe '{recipe}': {nearest(recipe, self.recipes)}")
        return with_overrides(self.recipes[recipe], settings or {})

    def task(self, config: TrainingConfig) -> Task:
        """The entry's part of training under a configuration."""
        return self.recipe_module.Task(config)

    def weights_path(self, recipe: str) -> Path:
        """Where the shipped weights of a recipe lie, whether or not they exist."""
        return self.store / "weights" / f"{recipe}.safetensors"

    @property
    def default_recipe(self) -> str:
        """The first claim's recipe; the embedded one for an entry without claims."""
        return self.card.claims[0].recipe if self.card.claims else self.embedded_recipe

    @property
    def embedded_recipe(self) -> str:
        """The recipe for data that every installation has: "digits", of text "docstrings"."""
        return next((name for name in EMBEDDED if name in self.recipes), EMBEDDED[0])

    def load(self, recipe: str | None = None, device: str = "cpu") -> nn.Module:
        """The model with shipped weights, in evaluation mode.

        Raises:
            ZooError: unknown recipe, no shipped weights, weights that do not fit, or a device
                that cannot be used.
        """
        from zoo.core.checkpoints import load_weights
        from zoo.core.devices import usable_device

        place = usable_device(device)
        recipe = recipe or self.default_recipe
        model = self.task(self.config(recipe)).build()
        path = self.weights_path(recipe)
        if not path.exists():
            shipped = sorted(file.stem for file in path.parent.glob("*.safetensors"))
            raise ZooError(
                f"no weights of {self.name} for recipe '{recipe}' (shipped: "
                f"{', '.join(shipped) or 'none'}): zoo train {self.name} --recipe {recipe}"
            )
        load_weights(path, model)
        return model.to(place).eval()


def entry_names() -> list[str]:
    """Names of all entries, sorted."""
    return sorted(path.parent.name for path in ZOO_FOLDER.glob("*/recipe.py"))


def get_entry(name: str) -> Entry:
    """The entry of that name.

    Raises:
        ZooError: unknown name, with the nearest one.
    """
    if name not in entry_names():
        raise ZooError(f"no entry '{name}' in the zoo: {nearest(name, entry_names())}")
    return Entry(name, ZOO_FOLDER / name)


def load(name: str, recipe: str | None = None, device: str = "cpu") -> nn.Module:
    """An entry's model with shipped weights, in evaluation mode; see `Entry.load`."""
    return get_entry(name).load(recipe, device)
