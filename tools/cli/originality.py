"""`zoo originality`: what code of an entry stands elsewhere too."""

from __future__ import annotations

from pathlib import Path

import click

from tools.process.clock import now
from tools.process.grading.private import private_folder
from tools.process.record import Record
from tools.process.times import both
from zoo.core.errors import ZooError, nearest


@click.command()
@click.argument("names", nargs=-1, metavar="[ENTRY]...")
@click.option(
    "--against",
    "folders",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Compare with this too: a clone of an earlier term, or a folder of reference "
    "implementations. It is remembered; may be repeated.",
)
@click.option("--forget", multiple=True, metavar="NAME", help="Remember a folder no longer.")
@click.option("--private", metavar="DIR", help="The private directory [default: $ZOO_PRIVATE].")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def originality(
    names: tuple[str, ...],
    folders: tuple[Path, ...],
    forget: tuple[str, ...],
    private: str | None,
    form: str,
) -> None:
    """Compare entries with each other, earlier terms and references.

    Code and notebook cells are compared by what they do: other names, numbers, comments and type
    hints, another order, or code that does nothing do not hide a copy. What everybody was given,
    what many unrelated entries share and what a card acknowledges is not counted, unless it is a
    model. The report is advice to the instructor and goes to the private directory.
    """
    from tools.originality import report
    from tools.originality.compare import Comparison
    from tools.originality.index import opened
    from tools.originality.sources import entries, given, references

    record = Record()
    root = record.root
    folder = private_folder(private, root) / "originality"
    documents = entries(root)
    known = [document.name for document in documents]
    for document in documents:  # a card is its authors' to write, the ledger is not
        known_team = record.state(document.name).team if document.name in record.models() else ()
        document.team = frozenset(known_team)
    for name in names:
        if name not in known:
            raise ZooError(f"no entry '{name}': {nearest(name, known)}")
    skipped = [item for document in documents for item in document.skipped]
    with opened(folder / "index.sqlite") as index:
        for label in forget:
            index.forget(label)
        for path in folders:
            others = references(path)
            skipped += [item for document in others for item in document.skipped]
            index.replace(f"{path.resolve().name}/", others, path.resolve())
        index.replace("", [given(root), *documents], root)
        comparison = Comparison(index)
        wanted = [comparison.number(name) for name in names or known]
        made = report.make_report(comparison, wanted, skipped, both(now(), record.policy.zone))
    paths = report.write(made, folder)
    click.echo(report.as_json(made) if form == "json" else report.as_text(made), nl=form == "text")
    click.echo(f"\nSide by side: {paths[0]}", err=True)
