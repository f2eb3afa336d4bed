"""Moments as people read them: course time and UTC, and how far away."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tools.process.rules.policy import moment as read_moment

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def both(moment: datetime, zone: ZoneInfo) -> str:
    """Course time and UTC: "Mon 19 Oct 2026 23:59 CEST (21:59 UTC)".

    UTC comes with its day where that is another one, and not at all where it is course time.
    """
    local, utc = moment.astimezone(zone), moment.astimezone(UTC)
    if not local.utcoffset() and local.tzname() == "UTC":
        return f"{local:%a} {local.day} {local:%b %Y %H:%M} UTC"
    day = "" if local.date() == utc.date() else f"{utc:%a} {utc.day} {utc:%b} "
    return f"{local:%a} {local.day} {local:%b %Y %H:%M %Z} ({day}{utc:%H:%M} UTC)"


def short(moment: datetime, zone: ZoneInfo) -> str:
    """Course time alone, for narrow tables: "19 Oct 2026 23:59"."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y %H:%M}"


def left(moment: datetime, now: datetime) -> str:
    """How far away, rounded down: "in 3 days 4 h", "2 h ago", "in 12 min", "now"."""
    minutes = int(abs((moment - now).total_seconds())) // 60
    days, hours = divmod(minutes // 60, 24)
    if days:
        text = f"{days} day{'s' if days > 1 else ''}" + (f" {hours} h" if hours else "")
    elif hours:
        text = f"{hours} h"
    elif minutes:
        text = f"{minutes} min"
    else:
        return "now"
    return f"in {text}" if moment > now else f"{text} ago"


def in_course_time(text: str, zone: ZoneInfo) -> str:
    """A text with the ledger's UTC stamps in it, as `both` writes them."""
    return _STAMP.sub(lambda match: both(read_moment(match[0]), zone), text)
