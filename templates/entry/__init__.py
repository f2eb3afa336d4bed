"""TODO: what this entry reproduces, in one line."""

from zoo.{{name}}.model import {{class}}

__all__ = ["{{class}}"]
