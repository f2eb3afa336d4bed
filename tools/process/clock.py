"""The time of day, once: rehearsals and tests set it with ZOO_NOW."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from tools.process.rules.policy import moment
from zoo.core.errors import ZooError


def now() -> datetime:
    """The present moment, UTC, whole seconds; that of the variable ZOO_NOW where it is set."""
    text = os.environ.get("ZOO_NOW")
    if not text:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return moment(text)
    except ValueError:
        raise ZooError(f"ZOO_NOW is '{text}': write it as 2026-10-19T21:59:59Z") from None
