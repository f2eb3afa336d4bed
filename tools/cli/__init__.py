"""The `zoo` command: one thin file per group of subcommands, imported when it is used.

`zoo --help` imports neither torch nor the workflow packages; the table below is all it needs.
"""

from __future__ import annotations

import importlib
import sys

import click

from zoo.core.errors import ZooError, nearest

# name: (module of this package, attribute, one line for `zoo --help`)
COMMANDS = {
    "list": ("models", "list_entries", "List the entries with their papers and results."),
    "show": ("models", "show", "Show an entry: paper, claims, measured values, deviations."),
    "sample": ("models", "sample", "Draw samples from shipped weights into a PNG."),
    "train": ("train", "train", "Train a recipe."),
    "evaluate": ("evaluate", "evaluate", "Measure metrics on shipped or own weights."),
    "verify": ("evaluate", "verify", "Re-measure the claims of shipped weights."),
    "reproduce": ("reproduce", "reproduce", "Train and measure claims that lack results."),
    "notebook": ("notebook", "command", "Run notebooks through papermill."),
    "check": ("check", "command", "Check entries: code, mathematics, notebook, evidence."),
    "new": ("new", "command", "Start a new entry from the template."),
    "doctor": ("doctor", "doctor", "Say what works on this machine and how to mend the rest."),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand when it runs and prints a user's mistake as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table, which is the order of a reader's journey."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"no command '{cmd_name}': {nearest(cmd_name, COMMANDS)}")
        module, attribute, _ = COMMANDS[cmd_name]
        try:
            return getattr(importlib.import_module(f"tools.cli.{module}"), attribute)
        except ModuleNotFoundError as error:
            if error.name and error.name.split(".")[0] in ("zoo", "tools"):
                raise
            raise click.ClickException(
                f"'zoo {cmd_name}' needs the package '{error.name}': pip install 'genzoo[workflow]'"
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in COMMANDS])

    def invoke(self, ctx: click.Context) -> object:
        """Run; a `ZooError` becomes one line on standard error and exit status 1."""
        try:
            return super().invoke(ctx)
        except ZooError as error:
            raise click.ClickException(str(error)) from None
        except NotImplementedError as error:  # a skeleton's stubs, until their author fills them in
            raise click.ClickException(f"not written yet: {error or 'a method'}") from None
        except KeyboardInterrupt as stop:
            click.echo(f"\nInterrupted: {str(stop) or 'nothing was left half-written'}", err=True)
            sys.exit(130)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="genzoo", prog_name="zoo")
def main() -> None:
    """A peer-reviewed zoo of deep generative models."""
