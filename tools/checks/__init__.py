"""`zoo check`: what an entry must be before it is reviewed, as small functions with one signature.

A check takes a `Subject` and yields a `Finding` for every rule that is broken; `run_checks` runs
the registered ones on many subjects, and `tools.checks.render` shows the report. Static checks read
files without importing them, so that a broken entry is reported rather than fatal.
"""

# The order of these imports is the order in which the checks are run and shown.
from tools.checks import layout, card, style, imports, notebook, evidence  # isort: skip
from tools.checks import mutation, running  # isort: skip
from tools.checks.findings import Finding, Report, Result, Skip, Status
from tools.checks.registry import CHECKS, Check
from tools.checks.runner import run_checks
from tools.checks.subject import HOUSE, Subject, entry_subjects

__all__ = [
    "CHECKS",
    "HOUSE",
    "Check",
    "Finding",
    "Report",
    "Result",
    "Skip",
    "Status",
    "Subject",
    "card",
    "entry_subjects",
    "evidence",
    "imports",
    "layout",
    "mutation",
    "notebook",
    "run_checks",
    "running",
    "style",
]
