"""`zoo publish`: entries, the site that readers see, and the clean repository."""

from __future__ import annotations

import click


@click.group("publish")
def command() -> None:
    """Publish entries, the site, the clean repository."""
