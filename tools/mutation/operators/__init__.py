"""The mutation operators: each plants one kind of mistake that people make in generative models.

An operator looks at one node of the syntax tree and yields edits of the text. It has a name and a
line that says what mistake it imitates.
"""

from __future__ import annotations

from tools.mutation.operators.operator import OPERATORS, Edit, Operator

# The order of these imports is the order in which operators are asked: of equal edits the first.
from tools.mutation.operators import algebra, tensors, control, stochastic  # isort: skip

__all__ = ["OPERATORS", "Edit", "Operator", "algebra", "control", "stochastic", "tensors"]
