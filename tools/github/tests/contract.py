"""GitHub's own description of its interface as a judge of requests, and as a source of answers.

The description lets unknown fields and query names pass; this judge does not. Sources and licence:
data/trim.py.
"""

from __future__ import annotations

import functools
import json
import lzma
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DESCRIPTION = Path(__file__).parent / "data" / "openapi.json"
EXAMPLES = DESCRIPTION.with_name("answers.json.xz")
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Breach(AssertionError):
    """A request that GitHub's description does not know."""


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked of GitHub."""

    id: str
    method: str
    path: str
    parameters: dict[tuple[str, str], dict[str, Any]]
    body: dict[str, Any] | None
    answers: dict[str, dict[str, Any]]

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path with its parameters; that of a file may hold slashes, as GitHub's own does."""
        names = re.sub(
            r"\{(\w+)\}",
            r"(?P<\1>[^/]+)",
            re.escape(self.path).replace(r"\{", "{").replace(r"\}", "}"),
        )
        return re.compile(names.replace("(?P<path>[^/]+)", "(?P<path>.+)"))


class Contract:
    """The description, ready to judge."""

    def __init__(self) -> None:
        self.document = _plain(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
        self._examples = json.loads(lzma.decompress(EXAMPLES.read_bytes()))
        lax = DRAFT202012.create_resource(self.document)
        strict = DRAFT202012.create_resource(_closed(self.document))
        self._registry = Registry().with_resources([("urn:lax", lax), ("urn:strict", strict)])
        self.operations = {
            operation["operationId"]: self._operation(method, path, operation)
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
        }

    def judge(self, request: httpx.Request) -> Operation:
        """The operation that a request asks for; Breach when it does so wrongly."""
        path = request.url.raw_path.decode().split("?")[0]
        for operation in self.operations.values():
            found = operation.pattern.fullmatch(path)
            if found and operation.method == request.method:
                self._judge_parameters(operation, found.groupdict(), request.url.params)
                self._judge_body(operation, request)
                return operation
        raise Breach(f"unknown: {request.method} {path}")

    def example(self, operation: Operation) -> Any:
        """GitHub's own example of an answer; None where it gives none."""
        return self._examples.get(operation.id)

    def judge_answer(self, operation: Operation, data: Any) -> None:
        """Breach for an answer that GitHub would not give."""
        content = operation.answers[min(operation.answers)]["application/json"]
        self._validate(data, content["schema"], f"answer of {operation.id}", "urn:lax")

    def _judge_parameters(
        self, operation: Operation, path: dict[str, str], query: httpx.QueryParams
    ) -> None:
        given = {("path", name): unquote(value) for name, value in path.items()}
        for name in query:
            if len(query.get_list(name)) > 1:
                raise Breach(f"{operation.id}: {name} is given twice")
            given["query", name] = query[name]
        for key, text in given.items():
            if key not in operation.parameters:
                raise Breach(f"{operation.id}: unknown {key[0]} parameter {key[1]}")
            schema = operation.parameters[key]["schema"]
            self._validate(_typed(text, schema), schema, f"{operation.id}: {key[1]}")
        for key, parameter in operation.parameters.items():
            if parameter.get("required") and key not in given:
                raise Breach(f"{operation.id}: {key[1]} is missing")

    def _judge_body(self, operation: Operation, request: httpx.Request) -> None:
        if not request.content:
            if operation.body and operation.body.get("required"):
                raise Breach(f"{operation.id}: the body is missing")
            return
        if operation.body is None:
            raise Breach(f"{operation.id} takes no body")
        schema = operation.body["content"]["application/json"]["schema"]
        self._validate(json.loads(request.content), schema, f"{operation.id}: body")

    def _validate(self, value: Any, schema: Any, place: str, base: str = "urn:strict") -> None:
        schema = _based(_closed(schema) if base == "urn:strict" else schema, base)
        judge = Draft202012Validator(schema, registry=self._registry, format_checker=FORMATS)
        error = best_match(judge.iter_errors(value))
        if error is not None:
            raise Breach(f"{place}: {error.json_path} {error.message[:300]}")

    def _operation(self, method: str, path: str, data: dict[str, Any]) -> Operation:
        parameters = {}
        for parameter in data.get("parameters", []):
            if "$ref" in parameter:
                name = parameter["$ref"].split("/")[-1]
                parameter = self.document["components"]["parameters"][name]
            parameters[parameter["in"], parameter["name"]] = parameter
        answers = {key: answer.get("content", {}) for key, answer in data["responses"].items()}
        return Operation(
            data["operationId"], method.upper(), path, parameters, data.get("requestBody"), answers
        )


@functools.cache
def contract() -> Contract:
    """The description, read once."""
    return Contract()


def _plain(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _plain(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is not True:
        return rest
    if isinstance(rest.get("type"), str) and "enum" not in rest:
        return {**rest, "type": [rest["type"], "null"]}
    return {"anyOf": [rest, {"type": "null"}]}


def _closed(node: Any) -> Any:
    """Objects that name their properties have no others."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
        closed["additionalProperties"] = False
    return closed


def _based(node: Any, base: str) -> Any:
    """References into the description, from outside it."""
    if isinstance(node, list):
        return [_based(item, base) for item in node]
    if not isinstance(node, dict):
        return node
    based = {key: _based(value, base) for key, value in node.items()}
    if isinstance(node.get("$ref"), str):
        based["$ref"] = base + node["$ref"]
    return based


def _typed(text: str, schema: dict[str, Any]) -> object:
    """The text of a parameter as what its schema wants, where it can be that."""
    if "integer" in schema.get("type", "") and re.fullmatch(r"-?\d+", text):
        return int(text)
    if "boolean" in schema.get("type", "") and text in ("true", "false"):
        return text == "true"
    return text
