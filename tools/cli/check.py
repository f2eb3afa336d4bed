"""`zoo check`: everything an entry must be before it is reviewed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from tools.checks import HOUSE, Report, Subject, entry_subjects, run_checks
from tools.checks.gitdiff import affected, changed_paths
from tools.checks.render import RENDERERS
from zoo.core.errors import ZooError, nearest
from zoo.core.files import replacing
from zoo.core.registry import ZOO_FOLDER

ROOT = ZOO_FOLDER.parent
FORMATS = {".txt": "text", ".md": "markdown", ".json": "json"}


@click.command()
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--all", "everything", is_flag=True, help="Every entry, the core and the lessons.")
@click.option(
    "--changed", is_flag=True, help="What changed since the branch began, and dependants."
)
@click.option("--base", metavar="REF", help="With --changed: compare with REF [default: main].")
@click.option(
    "--static", is_flag=True, help="Only checks that run no code of the entries: seconds."
)
@click.option("--list", "listing", is_flag=True, help="Only say, as JSON, what would be checked.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown", "github", "json"]),
    default="text",
    show_default=True,
    help="How the report looks.",
)
@click.option(
    "--output",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the report here, as .md, .json or .txt; may be repeated.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Checks at once [default: one per core].")
def command(
    entries: tuple[str, ...],
    everything: bool,
    changed: bool,
    base: str | None,
    static: bool,
    listing: bool,
    style: str,
    output: tuple[Path, ...],
    jobs: int | None,
) -> None:
    """Check entries: files, card, code, tests, mathematics, notebook and evidence.

    Name entries ("house" is what they share), or say --all or --changed. The exit status is 1 when
    a check failed.
    """
    if bool(entries) + everything + changed != 1:
        raise click.UsageError("name entries, or say --all or --changed")
    if base and not changed:
        raise click.UsageError("--base goes with --changed")
    writers = [_writer(path) for path in output]
    subjects = _subjects(entries, base, changed)
    if listing:
        click.echo(json.dumps([subject.name for subject in subjects]))
        return
    report = run_checks(subjects, static=static, jobs=jobs, progress=True)
    for write in writers:
        write(report)
    click.echo(RENDERERS[style](report), nl=False)
    raise SystemExit(0 if report.ok else 1)


def _subjects(entries: tuple[str, ...], base: str | None, changed: bool) -> list[Subject]:
    """What the command line asks for, in the order of a full check; ZooError for unknown names."""
    known = [HOUSE, *(subject.name for subject in entry_subjects(ROOT))]
    for name in entries:
        if name not in known:
            raise ZooError(f"no entry '{name}' in the zoo: {nearest(name, known)}")
    names = entries or (affected(ROOT, changed_paths(ROOT, base)) if changed else known)
    return [Subject(name, ROOT) for name in known if name in names]


def _writer(path: Path) -> Callable[[Report], None]:
    """Writes the report to a file in the format that its ending names."""
    if path.suffix not in FORMATS:
        raise click.UsageError(f"--output {path}: the file ends in .txt, .md or .json")
    render = RENDERERS[FORMATS[path.suffix]]

    def write(report: Report) -> None:
        with replacing(path) as partial:
            partial.write_text(click.unstyle(render(report)), encoding="utf-8")

    return write
