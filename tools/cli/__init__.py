"""The `zoo` command: one thin file per group of subcommands, imported when it is used.

`zoo --help` imports neither torch nor the workflow packages; the table below is all it needs.
"""

from __future__ import annotations

import importlib
import sys

import click

from zoo.core.errors import ZooError, nearest

# section: {name: (module of this package, attribute, one line for `zoo --help`)}
SECTIONS = {
    "Read": {
        "list": ("models", "list_entries", "List the entries with their papers and results."),
        "show": ("models", "show", "Show an entry: paper, claims, measured values, deviations."),
        "sample": ("models", "sample", "Draw samples from shipped weights: a PNG, or text."),
        "notebook": ("notebook", "command", "Run notebooks through papermill."),
        "evaluate": ("evaluate", "evaluate", "Measure metrics on shipped or own weights."),
        "verify": ("evaluate", "verify", "Re-measure the claims of shipped weights."),
    },
    "Develop": {
        "propose": ("propose", "propose", "Propose a paper to reproduce."),
        "new": ("new", "command", "Start a new entry from the template."),
        "check": ("check", "command", "Check entries: code, mathematics, notebook, evidence."),
        "mutate": ("mutate", "mutate", "Plant faults and see which ones the tests notice."),
        "train": ("train", "train", "Train a recipe."),
        "reproduce": ("reproduce", "reproduce", "Train and measure claims that lack results."),
        "submit": ("submit", "submit", "Freeze version 1 or 2 of an entry."),
        "respond": ("respond", "respond", "Answer every finding of the reviews."),
        "withdraw": ("submit", "withdraw", "Give an entry up."),
        "addendum": ("submit", "addendum", "Add what was found after the acceptance."),
    },
    "Review": {
        "bid": ("assign", "bid", "Say what you would like to review."),
        "review": ("review", "command", "Start, lint, file and reveal a review."),
        "verify-fix": ("respond", "verify_fix", "Sign off what became of a finding."),
    },
    "Run a term": {
        "roster": ("roster", "command", "Import and check the people of a term."),
        "approve": ("propose", "approve", "Approve a proposal."),
        "decline": ("propose", "decline", "Decline a proposal."),
        "assign": ("assign", "assign", "Assign reviewers: an exact optimum."),
        "close": ("term", "close", "Close reviews or a version whose time is over."),
        "extend": ("term", "extend", "Give one person more time."),
        "hold": ("term", "hold", "Stop the clocks of an entry."),
        "unhold": ("term", "unhold", "Let them run again."),
        "accept": ("term", "accept", "Accept an entry after its sign-offs."),
        "reschedule": ("term", "reschedule", "Take an edited policy into running entries."),
        "originality": ("originality", "originality", "Find code that stands elsewhere too."),
        "grade": ("grade", "grade", "Compute, explain and release grades."),
        "regrade": ("regrade", "regrade", "Ask to look at a grade again, or answer."),
        "publish": ("publish", "command", "Publish entries, the site, the clean repository."),
        "github": ("github", "command", "Run the process from pull requests on GitHub."),
        "simulate": ("simulate", "simulate", "Rehearse a whole term in a temporary repository."),
    },
    "Look": {
        "status": ("status", "status", "Who owes what until when, and what to type next."),
        "history": ("status", "history", "Everything that happened to an entry."),
        "fsck": ("record", "fsck", "Prove that the record is whole."),
        "reconcile": ("record", "reconcile", "Rebuild tags and pages from the ledgers."),
        "doctor": ("doctor", "doctor", "Say what works on this machine and how to mend the rest."),
    },
}
COMMANDS = {name: row for section in SECTIONS.values() for name, row in section.items()}


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
            raise _not_installed(error, cmd_name) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        for title, rows in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, row[2]) for name, row in rows.items()], col_max=14)

    def invoke(self, ctx: click.Context) -> object:
        """Run; a `ZooError` becomes one line on standard error and exit status 1."""
        try:
            return super().invoke(ctx)
        except ZooError as error:
            # It may quote what strangers wrote: no sign that a terminal would obey gets through.
            said = "".join(c if c == "\n" or c.isprintable() else "�" for c in str(error))
            raise click.ClickException(said) from None
        except ModuleNotFoundError as error:  # imported by the subcommand as it runs
            raise _not_installed(error, ctx.invoked_subcommand or "") from None
        except NotImplementedError as error:  # a skeleton's stubs, until their author fills them in
            raise click.ClickException(f"not written yet: {error or 'a method'}") from None
        except KeyboardInterrupt as stop:
            click.echo(f"\nInterrupted: {str(stop) or 'nothing was left half-written'}", err=True)
            sys.exit(130)


def _not_installed(error: ModuleNotFoundError, command: str) -> Exception:
    """Which extra brings the package that a command lacks; a module of ours is our own fault."""
    if not error.name or error.name.split(".")[0] in ("zoo", "tools"):
        return error
    extra = {"github": "bot", "publish": "site"}.get(command, "workflow")
    fix = f"pip install 'genzoo[{extra}]', in a clone pip install -e '.[{extra}]'"
    return click.ClickException(f"'zoo {command}' needs the package '{error.name}': {fix}")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="genzoo", prog_name="zoo")
def main() -> None:
    """A peer-reviewed zoo of deep generative models."""
