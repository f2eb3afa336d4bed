"""`zoo notebook`: execute the zoo's notebooks."""

import ast
import re
from pathlib import Path
from typing import Any

import click


class Duration(click.ParamType):
    """A time limit like `90s`, `10m` or `1h`, in seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds of a text; a plain number is seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", value)
        if match is None or float(match[1]) == 0:
            self.fail(f"'{value}' is no duration: write 90s, 10m or 1h", param, ctx)
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


@click.group()
def command() -> None:
    """Execute demo notebooks."""


@command.command()
@click.argument("targets", nargs=-1, metavar="[ENTRY | PATH]...")
@click.option("--all", "everything", is_flag=True, help="Every entry's demo and every lesson.")
@click.option(
    "-p", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter."
)
@click.option("--timeout", type=Duration(), default="10m", show_default=True, help="Per notebook.")
@click.option("--jobs", type=click.IntRange(min=1), help="How many at once; else one per core.")
@click.option("--no-cache", is_flag=True, help="Run unchanged notebooks as well.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="build/notebooks",
    show_default=True,
    help="Folder for the executed notebooks and their web pages.",
)
def run(
    targets: tuple[str, ...],
    everything: bool,
    parameters: tuple[tuple[str, str], ...],
    timeout: float,
    jobs: int | None,
    no_cache: bool,
    out: Path,
) -> None:
    """Execute notebooks in parallel; unchanged ones are answered from a cache."""
    from tools.notebooks import NotebookResult, run_notebooks
    from tools.notebooks.runner import CACHE

    if everything == bool(targets):
        raise click.UsageError("name entries or notebooks, or say --all")

    def show(result: NotebookResult) -> None:
        from tqdm import tqdm

        tqdm.write(result.report())

    results = run_notebooks(
        every_notebook() if everything else [notebook_of(target) for target in targets],
        out=out,
        parameters={name: _value(text) for name, text in parameters},
        timeout=timeout,
        jobs=jobs,
        cache=None if no_cache else CACHE,
        on_result=show,
    )
    failed = sum(not result.ok for result in results)
    if failed:
        raise SystemExit(f"{failed} of {len(results)} notebooks failed")
    unchanged = sum(result.status == "cached" for result in results)
    executed = len(results) - unchanged
    click.echo(f"notebooks: {executed} executed, {unchanged} unchanged; pages in {out}/")


def notebook_of(target: str) -> Path:
    """The notebook that an argument names: a path as it is, an entry's demo otherwise."""
    from zoo.core.registry import get_entry

    if target.endswith(".ipynb"):
        return Path(target)
    return get_entry(target).folder / "demo.ipynb"


def every_notebook() -> list[Path]:
    """Demos of all entries, then the lessons."""
    from zoo.core.registry import ZOO_FOLDER, entry_names, get_entry

    demos = [get_entry(name).folder / "demo.ipynb" for name in entry_names()]
    return demos + sorted((ZOO_FOLDER.parent / "notebooks").glob("*.ipynb"))


def _value(text: str) -> Any:
    """A parameter's value: a Python literal where it reads as one, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
