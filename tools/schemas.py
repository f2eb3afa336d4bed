"""JSON Schemas for editors, in `templates/schemas/`: completion and errors while one types.

python -m tools.schemas            # write them
python -m tools.schemas --check    # fail when one is not what its form says
"""

from __future__ import annotations

import argparse
import json
import sys
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from tools.cards import CARD
from tools.documents import Form
from tools.mutation.listed import MUTANTS
from tools.practice.cases import CASE
from tools.process.grading.files import OVERRIDES, SHEET
from tools.process.response.responsefile import RESPONSE
from tools.process.review.reviewform import REVIEW
from tools.process.rules.forms import BIDS, POLICY, ROSTER
from zoo.core.files import replacing

FOLDER = Path(__file__).resolve().parents[1] / "templates" / "schemas"
FORMS: dict[str, Form] = {
    "card": CARD,
    "mutants": MUTANTS,
    "policy": POLICY,
    "roster": ROSTER,
    "bids": BIDS,
    "review": REVIEW,
    "response": RESPONSE,
    "practice": CASE,
    "sheet": SHEET,
    "overrides": OVERRIDES,
}
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema(form: Form) -> dict[str, Any]:
    """JSON Schema of a form, with an example as the description of every key."""
    definitions: dict[str, Any] = {}
    _record(form, form.cls, definitions)
    top = definitions.pop(form.cls.__name__)
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **top, "$defs": definitions}


def _record(form: Form, cls: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to the definition of a dataclass, which is added when it is new."""
    if cls.__name__ not in definitions:
        hints = typing.get_type_hints(cls)
        definitions[cls.__name__] = {
            "description": (cls.__doc__ or "").strip().splitlines()[0],
            "type": "object",
            "additionalProperties": False,
            "properties": {},
            "required": [
                field.name
                for field in fields(cls)
                if field.default is MISSING and field.default_factory is MISSING
            ],
        }
        for field in fields(cls):
            described = {"description": form.examples[cls][field.name]}
            definitions[cls.__name__]["properties"][field.name] = (
                _value(form, hints[field.name], definitions) | described
            )
    return {"$ref": f"#/$defs/{cls.__name__}"}


def _value(form: Form, hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of one type; the same types as `tools.documents` reads."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        parts = [{"type": "null"}] * (types.NoneType in arguments)
        others = (argument for argument in arguments if argument is not types.NoneType)
        return {"anyOf": [_value(form, other, definitions) for other in others] + parts}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _value(form, arguments[0], definitions)}
    if origin is dict:
        return {
            "type": "object",
            "additionalProperties": _value(form, arguments[1], definitions),
        }
    return _record(form, hint, definitions) if is_dataclass(hint) else {"type": _SCALARS[hint]}


def text(form: Form) -> str:
    """What the file of a form's schema holds."""
    return json.dumps(schema(form), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write or check every schema."""
    parser = argparse.ArgumentParser(prog="python -m tools.schemas", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when out of date")
    check = parser.parse_args().check
    for name, form in FORMS.items():
        path = FOLDER / f"{name}.schema.json"
        if check and (not path.is_file() or path.read_text(encoding="utf-8") != text(form)):
            sys.exit(f"{path.name} is out of date: python -m tools.schemas")
        if not check:
            with replacing(path) as partial:
                partial.write_text(text(form), encoding="utf-8")


if __name__ == "__main__":
    main()
