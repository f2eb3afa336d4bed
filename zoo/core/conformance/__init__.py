"""Exact-truth laws for each family of models: the check that catches wrong mathematics.

    from zoo.core.conformance import check_model, conformance_report
    print(conformance_report(check_model(model, "flow")))

An entry's ``tiny`` recipe gets all laws of its family by :func:`check_entry`. Weights are random,
perturbed, and never trained: a law holds for every setting of the parameters or it is no law.
"""

from zoo.core.conformance.check import (
    check_entry,
    check_law,
    check_model,
    conformance_report,
    laws_for,
    tiny_model,
)
from zoo.core.conformance.law import Law, Outcome, Subject, perturbed

__all__ = [
    "Law",
    "Outcome",
    "Subject",
    "check_entry",
    "check_law",
    "check_model",
    "conformance_report",
    "laws_for",
    "perturbed",
    "tiny_model",
]
