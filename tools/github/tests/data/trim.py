"""Cut GitHub's own data down to what the tests of the bot need.

    npm pack @octokit/openapi@23.0.2 @octokit/webhooks-examples@7.6.1
    # unpack both, then, with generated/api.github.com.json of the one and
    # api.github.com/index.json of the other:
    python tools/github/tests/data/trim.py <description> <examples>

Both packages are published under the MIT licence, © GitHub and Octokit contributors.
"""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OPERATIONS = (
    "users/get-authenticated",
    "users/get-by-username",
    "repos/get-collaborator-permission-level",
    "issues/get",
    "issues/list-for-repo",
    "issues/update",
    "issues/set-labels",
    "issues/create",
    "pulls/list",
    "pulls/list-reviews",
    "pulls/get",
    "pulls/merge",
    "pulls/list-review-comments",
    "repos/compare-commits-with-basehead",
    "repos/get-content",
    "issues/get-comment",
    "issues/list-comments",
    "issues/list-comments-for-repo",
    "issues/create-comment",
    "issues/update-comment",
    "reactions/create-for-issue-comment",
    "reactions/list-for-issue-comment",
    "checks/list-for-ref",
    "actions/get-workflow-run",
    "actions/list-workflow-run-artifacts",
    "actions/download-artifact",
    "issues/get-label",
    "issues/create-label",
    "issues/update-label",
    "issues/list-milestones",
    "issues/create-milestone",
    "issues/update-milestone",
    "repos/get",
    "repos/update",
    "repos/get-repo-rulesets",
    "repos/create-repo-ruleset",
    "repos/get-repo-ruleset",
    "repos/update-repo-ruleset",
    "repos/get-environment",
    "repos/create-or-update-environment",
    "actions/get-github-actions-default-workflow-permissions-repository",
    "actions/set-github-actions-default-workflow-permissions-repository",
)
SOURCE = "npm @octokit/openapi 23.0.2 (MIT), cut down by trim.py: GitHub's description of its API"
PROSE = (
    "description",
    "summary",
    "externalDocs",
    "title",
    "example",
    "examples",
    "tags",
    "default",
)
UNCHECKED = ("uri", "int64", "email")  # formats


def trim(document: dict[str, Any]) -> dict[str, Any]:
    """Only our operations, their good JSON answers, and what they refer to; without prose."""
    paths: dict[str, Any] = {}
    for path, method, operation in _ours(document):
        paths.setdefault(path, {})[method] = _operation(operation)
    trimmed = {"openapi": document["openapi"], "info": {"description": SOURCE}, "paths": paths}
    trimmed["info"] |= {key: document["info"][key] for key in ("title", "version", "license")}
    components: dict[str, Any] = {}
    waiting = _references(paths)
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = _bare(document["components"][kind][name])
            waiting |= _references(components[kind][name])
    return {**trimmed, "components": components}


def answers(document: dict[str, Any]) -> dict[str, Any]:
    """GitHub's own example of an answer to each of our operations that has one."""
    found: dict[str, Any] = {}
    for _, _, operation in _ours(document):
        good = next(answer for code, answer in operation["responses"].items() if code < "4")
        examples = good.get("content", {}).get("application/json", {}).get("examples", {})
        example: Any = next(iter(examples.values()), None)
        while isinstance(example, dict) and example.keys() & {"$ref", "value"}:
            name = example.get("$ref", "").split("/")[-1]
            example = example.get("value") or document["components"]["examples"][name]
        if example is not None:
            found[operation["operationId"]] = example
    return found


def _ours(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation.get("operationId") in OPERATIONS:
                yield path, method, operation


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept = [key for key in ("operationId", "parameters", "requestBody") if key in operation]
    good = {code: answer for code, answer in operation["responses"].items() if code < "4"}
    responses = {
        code: {"content": answer.get("content", {})}
        for code, answer in good.items()
        if code[0] == "2" or code == "302"
    }
    return _bare({**{key: operation[key] for key in kept}, "responses": responses})


def _bare(node: Any, inside: str = "") -> Any:
    """Without prose and examples; below `properties` keys are names, not keywords."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    names = inside == "properties"
    return {
        key: _bare(value, "" if names else key)
        for key, value in node.items()
        if names
        or not (key in PROSE or key.startswith("x-") or (key == "format" and value in UNCHECKED))
    }


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        here = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return here.union(*map(_references, node.values()))
    return set().union(*map(_references, node)) if isinstance(node, list) else set()


def main(description: str, examples: str) -> None:
    """Write openapi.json, answers.json.xz and payloads.json.xz beside this script."""
    document = json.loads(Path(description).read_text())
    small = json.dumps(trim(document), separators=(",", ":"))
    (HERE / "openapi.json").write_text(small + "\n")
    _pack("answers", answers(document))
    events = json.loads(Path(examples).read_text())
    _pack("payloads", [{key: event[key] for key in ("name", "examples")} for event in events])


def _pack(name: str, data: object) -> None:
    packed = lzma.compress(json.dumps(data, separators=(",", ":")).encode(), preset=9)
    (HERE / f"{name}.json.xz").write_bytes(packed)


if __name__ == "__main__":
    main(*sys.argv[1:])
