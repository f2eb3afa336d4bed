"""Events as lines of a ledger: strict JSON, each line naming the sha256 of the one before."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any, Literal

from tools.process.ledger.events import PAYLOADS, ROLES, Event, Payload
from tools.process.rules.policy import moment, stamp
from zoo.core.errors import nearest

SCHEMA = 1


class Malformed(ValueError):
    """A line that is no event; the message says what is wrong with it."""


def to_line(event: Event, previous: str) -> str:
    """One line of JSON, with the sha256 of the line before ("" for the first)."""
    document = {
        "schema": SCHEMA,
        "id": event.id,
        "model": event.model,
        "type": event.payload.TYPE,
        "at": stamp(event.at),
        "actor": event.actor,
        "role": event.role,
        "commit": event.commit,
        "data": dataclasses.asdict(event.payload),
        "previous": previous,
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def from_line(line: str) -> tuple[Event, str]:
    """The event of a line and the recorded sha256 of the line before; Malformed says why not."""
    try:
        document = json.loads(line)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from None
    keys = ("schema", "id", "model", "type", "at", "actor", "role", "commit", "data", "previous")
    if not isinstance(document, dict) or tuple(sorted(document)) != tuple(sorted(keys)):
        raise Malformed(f"an event has exactly the keys {', '.join(keys)}")
    if document["schema"] != SCHEMA:
        raise Malformed(f"schema {document['schema']!r} is unknown: this zoo reads schema {SCHEMA}")
    texts = [key for key in keys if key not in ("schema", "data")]
    wrong = [key for key in texts if not isinstance(document[key], str)]
    if wrong:
        raise Malformed(f"'{wrong[0]}' is not text")
    if document["type"] not in PAYLOADS:
        raise Malformed(
            f"unknown event '{document['type']}': {nearest(document['type'], PAYLOADS)}"
        )
    if document["role"] not in ROLES:
        raise Malformed(f"unknown role '{document['role']}': {nearest(document['role'], ROLES)}")
    try:
        at = moment(document["at"])
    except ValueError:
        raise Malformed(
            f"'at' is no UTC time like 2026-10-19T21:59:59Z: {document['at']}"
        ) from None
    payload = read_payload(PAYLOADS[document["type"]], document["data"])
    names = ("id", "model", "actor", "role", "commit")
    return Event(at=at, payload=payload, **{name: document[name] for name in names}), document[
        "previous"
    ]


def read_payload(cls: type[Payload], data: Any) -> Payload:
    """An event's data as its dataclass; Malformed for unknown, missing and mistyped keys."""
    if not isinstance(data, dict):
        raise Malformed("'data' is not a mapping")
    hints = typing.get_type_hints(cls)
    fields = {item.name: item for item in dataclasses.fields(cls)}
    for name in data:
        if name not in fields:
            raise Malformed(f"{cls.TYPE}: unknown key '{name}': {nearest(name, fields)}")
    for name, item in fields.items():
        if name in data:
            if not _fits(data[name], hints[name]):
                raise Malformed(f"{cls.TYPE}: '{name}' has the wrong type or value")
        elif item.default is dataclasses.MISSING:
            raise Malformed(f"{cls.TYPE}: the key '{name}' is missing")
    return cls(**data)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value has the type of a payload's field."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(v, arguments[1]) for v in value.values())
    if origin is types.UnionType:
        return any(_fits(value, argument) for argument in arguments)
    return type(value) is hint
