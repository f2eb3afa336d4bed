"""Exact numbers: read as they were written, rounded once when they are shown."""

from __future__ import annotations

from fractions import Fraction


def exact(number: float | str) -> Fraction:
    """The decimal that stands in the file: 0.1 is one tenth, not the nearest binary fraction."""
    return Fraction(str(number))


def rounded(number: Fraction, digits: int = 2) -> str:
    """A grade as it is handed out: two decimals, halves away from zero."""
    scale = 10**digits
    units = int(abs(number) * scale + Fraction(1, 2))
    sign = "-" if number < 0 and units else ""
    return f"{sign}{units // scale}.{units % scale:0{digits}d}"


def plain(number: Fraction) -> str:
    """A number within a calculation: exact up to four decimals, else with "≈" and four of them."""
    text = rounded(number, 4).rstrip("0").rstrip(".")
    return text if Fraction(text) == number else f"≈{text}"
