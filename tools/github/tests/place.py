"""A repository's settings as GitHub keeps and shows them, for tests of what an instructor sets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx

from tools.github.retry import Patience
from tools.github.tests.contract import contract
from tools.github.transport import Transport
from tools.process.clock import now


class Place:
    """The settings of a repository, as GitHub keeps and shows them.

    Attributes:
        general: what GET on the repository says.
        rulesets, environments, rights: the rest.
        forbidden: paths that GitHub refuses, as it does where a plan lacks something.
        written: "METHOD path" of every request that changed something.
    """

    def __init__(self) -> None:
        self.general: dict[str, Any] = {"has_issues": False, "permissions": {"admin": True}}
        self.rulesets: dict[int, dict[str, Any]] = {}
        self.environments: dict[str, list[int]] = {}
        self.rights: dict[str, Any] = {"default_workflow_permissions": "write"}
        self.forbidden: tuple[str, ...] = ()
        self.written: list[str] = []

    def api(self) -> Transport:
        """A connection to it."""
        patience = Patience(lambda seconds: None, now)
        return Transport("token", "https://api.github.com", patience, httpx.MockTransport(self._do))

    def _do(self, request: httpx.Request) -> httpx.Response:
        operation = contract().judge(request)
        path = request.url.path.removeprefix("/repos/zoo-course/zoo")
        if path in self.forbidden:
            return httpx.Response(403, json={"message": "Upgrade to GitHub Pro"})
        if request.method != "GET":
            self.written.append(f"{request.method} {path}")
        body = json.loads(request.content) if request.content else {}
        name = "_" + re.sub("[-/]", "_", operation.id)
        handle: Callable[..., tuple[int, Any]] = getattr(self, name)
        number = re.search(r"/rulesets/(\d+)", path)
        status, answer = handle(*([int(number[1])] if number else []), body)
        return httpx.Response(status, json=answer) if answer is not None else httpx.Response(status)

    def _repos_get(self, body: Any) -> tuple[int, Any]:
        return 200, self.general

    def _repos_update(self, body: Any) -> tuple[int, Any]:
        self.general |= body
        return 200, self.general

    def _repos_get_repo_rulesets(self, body: Any) -> tuple[int, Any]:
        return 200, [{"id": n, "name": r["name"]} for n, r in self.rulesets.items()]

    def _repos_get_repo_ruleset(self, number: int, body: Any) -> tuple[int, Any]:
        rules = [{**rule, "parameters": {}} for rule in reversed(self.rulesets[number]["rules"])]
        return 200, {"id": number, "source": "x", **self.rulesets[number], "rules": rules}

    def _repos_create_repo_ruleset(self, body: Any) -> tuple[int, Any]:
        self.rulesets[len(self.rulesets) + 1] = body
        return 201, body

    def _repos_update_repo_ruleset(self, number: int, body: Any) -> tuple[int, Any]:
        self.rulesets[number] = body
        return 200, body

    def _repos_get_environment(self, body: Any) -> tuple[int, Any]:
        if "publish" not in self.environments:
            return 404, {"message": "Not Found"}
        people = [{"type": "User", "reviewer": {"id": n}} for n in self.environments["publish"]]
        rules = [{"type": "required_reviewers", "reviewers": people}, {"type": "branch_policy"}]
        return 200, {"name": "publish", "protection_rules": rules if people else []}

    def _repos_create_or_update_environment(self, body: Any) -> tuple[int, Any]:
        self.environments["publish"] = [person["id"] for person in body["reviewers"]]
        return 200, {"name": "publish"}

    def _actions_get_github_actions_default_workflow_permissions_repository(
        self, body: Any
    ) -> tuple[int, Any]:
        return 200, self.rights

    def _actions_set_github_actions_default_workflow_permissions_repository(
        self, body: Any
    ) -> tuple[int, Any]:
        self.rights = body
        return 204, None
