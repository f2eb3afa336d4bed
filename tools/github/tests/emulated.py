"""A GitHub over HTTP with a state of its own, npm's `emulate`, and a shim for what it lacks.

What the emulator lacks, and `Gaps` adds, so that the bot's client meets what GitHub does:

- issues: a pull request is one too, to be read, listed, closed and put into a milestone; the
  comments of all of them in one list;
- reactions to comments, which it has none of;
- the head of a pull request moves with its branch;
- a merge joins histories: the emulator's takes the tree of the head as it is;
- git: people and bot push to a bare repository, and `Mirror` copies each object through GitHub's
  interface for them, where it must come out with the same name;
- the token of a workflow may not ask who it is, and its account is no person.

It proves state and flow, not the shape of GitHub's answers: see test_contract.py.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tools.github.client import ACTIONS_BOT
from tools.github.tests.transcript import Seen
from tools.process.git import git, git_bytes

SOURCE = Path(__file__).parent / "emulator"
REPOSITORY = "zoo-course/zoo"
BRANCHES = "refs/heads/"


def installed(folder: Path) -> Path:
    """A folder with the emulator in it; the test is skipped where it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("Node and npm are needed for the emulator of GitHub")
    folder.mkdir(parents=True, exist_ok=True)
    fresh = not (folder / "node_modules" / "emulate").is_dir()
    for name in ("package.json", "package-lock.json", "server.mjs"):
        target = folder / name
        text = (SOURCE / name).read_bytes()
        fresh |= name != "server.mjs" and (not target.is_file() or target.read_bytes() != text)
        target.write_bytes(text)
    if fresh:
        quiet = (
            "--prefer-offline",
            "--fetch-retries=0",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        )
        command = [npm, "ci", *quiet]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        except (OSError, subprocess.SubprocessError) as error:
            (folder / "package-lock.json").unlink()
            pytest.skip(f"npm could not install the emulator of GitHub: {error}")
    return folder


class Emulator:
    """A running emulator, whose clock is set.

    Attributes:
        url: its address.
    """

    def __init__(self, folder: Path, logins: list[str]) -> None:
        owner, name = REPOSITORY.split("/")
        seed = {
            "tokens": {token(login): {"login": login} for login in logins},
            "github": {
                "users": [{"login": login} for login in logins],
                "repos": [{"owner": owner, "name": name, "auto_init": True}],
            },
        }
        self._process = subprocess.Popen(
            ["node", "server.mjs", json.dumps(seed)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._line()

    def at(self, moment: str) -> None:
        """Set its clock."""
        assert self._process.stdin
        self._process.stdin.write(f"{moment}\n")
        self._process.stdin.flush()
        assert self._line() == "ok"

    def close(self) -> None:
        """Let it end."""
        self._process.communicate(timeout=10)

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def token(login: str) -> str:
    """With which somebody acts."""
    return f"token-of-{login}"


class Account:
    """What somebody does on GitHub over HTTP."""

    def __init__(self, url: str, login: str) -> None:
        headers = {"Authorization": f"Bearer {token(login)}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=20)

    def ask(self, method: str, path: str, /, **body: object) -> Any:
        """The answer to a request below the repository."""
        answer = self._http.request(method, f"/repos/{REPOSITORY}{path}", json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def user(self, login: str) -> Any:
        """An account."""
        return self._http.get(f"/users/{login}").raise_for_status().json()


class Mirror:
    """Brings what was pushed to a bare repository into the emulator, object by object."""

    def __init__(self, bare: Path, owner: Account) -> None:
        self._bare, self._owner = bare, owner
        self._known: set[str] = set()
        self._tips = {"main": ""}  # the emulator has made a main of its own

    def tip(self, branch: str) -> str:
        """The newest commit of a branch, "" for none."""
        return git(self._bare, "rev-parse", "--verify", BRANCHES + branch, check=False)

    def sync(self) -> None:
        """Copy what is new on all branches."""
        listing = git(self._bare, "for-each-ref", "--format=%(refname) %(objectname)", BRANCHES)
        for line in listing.splitlines():
            ref, tip = line.split()
            branch = ref.removeprefix(BRANCHES)
            if self._tips.get(branch) == tip:
                continue
            for commit in git(self._bare, "rev-list", "--reverse", "--topo-order", tip).split():
                self._once(commit, self._commit)
            if branch in self._tips:
                self._owner.ask("PATCH", f"/git/refs/heads/{branch}", sha=tip, force=True)
            else:
                self._owner.ask("POST", "/git/refs", ref=ref, sha=tip)
            self._tips[branch] = tip

    def _once(self, name: str, copy: Callable[[str], str]) -> None:
        if name not in self._known:
            assert copy(name) == name
            self._known.add(name)

    def _commit(self, name: str) -> str:
        """Copy a commit and its tree."""
        form = "%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B"
        text = git(self._bare, "log", "-1", f"--format={form}", name)
        tree, parents, *people = text.split("\n", 8)
        entries = []
        for entry in git(self._bare, "ls-tree", "-r", "-z", tree).split("\0")[:-1]:
            (mode, kind, sha), path = entry.partition("\t")[0].split(), entry.partition("\t")[2]
            self._once(sha, self._blob)
            entries.append({"path": path, "mode": mode, "type": kind, "sha": sha})
        made = self._owner.ask("POST", "/git/trees", tree=entries)
        assert made["sha"] == tree
        names = ("name", "email", "date")
        body = {
            "message": people[6].rstrip("\n") + "\n",
            "tree": tree,
            "parents": parents.split(),
            "author": dict(zip(names, people[:3], strict=True)),
            "committer": dict(zip(names, people[3:6], strict=True)),
        }
        return self._owner.ask("POST", "/git/commits", **body)["sha"]

    def _blob(self, name: str) -> str:
        content = base64.b64encode(git_bytes(self._bare, "cat-file", "blob", name)).decode()
        return self._owner.ask("POST", "/git/blobs", content=content, encoding="base64")["sha"]


class Gaps(httpx.BaseTransport):
    """Carries the bot's requests to the emulator, and answers those that it cannot.

    Attributes:
        seen: each request, in order.
    """

    def __init__(self, bare: Path, mirror: Mirror, owner: Account) -> None:
        self._bare, self._mirror, self._owner = bare, mirror, owner
        self._inner = httpx.HTTPTransport()
        self._milestones: dict[int, Any] = {}
        self.seen: list[Seen] = []
        self._rules: list[tuple[str, str, Callable[..., httpx.Response | None]]] = [
            ("GET", r"/user", lambda *_: httpx.Response(403, json={"message": "no"})),
            ("GET", r"/users/[^/]+", self._user),
            ("POST", r"{}/issues/comments/(\d+)/reactions", self._react),
            ("GET", r"{}/issues/comments", self._comments),
            ("GET", r"{}/issues", self._issues),
            ("GET", r"{}/issues/(\d+)", self._issue),
            ("PATCH", r"{}/issues/(\d+)", self._change),
            ("GET", r"{}/pulls/(\d+)", self._pull),
            ("PUT", r"{}/pulls/(\d+)/merge", self._merge),
        ]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        path = request.url.path
        body = json.loads(request.content) if request.content else {}
        answer = self._answer(request, path, body)
        self.seen.append(Seen(request.method, path, body, time.perf_counter()))
        return answer

    def _answer(self, request: httpx.Request, path: str, body: dict[str, Any]) -> httpx.Response:
        for method, pattern, rule in self._rules:
            match = re.fullmatch(pattern.format(f"/repos/{REPOSITORY}"), path)
            if match and method == request.method:
                answer = rule(request, body, *map(int, match.groups()))
                if answer is not None:
                    return answer
        return self._inner.handle_request(request)

    def _ask(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        response.read()
        response.headers.pop("content-encoding", None)
        return response

    def _user(self, request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
        answer = self._ask(request)
        data = answer.json()
        if data.get("login") == ACTIONS_BOT:
            data["type"] = "Bot"
        return httpx.Response(answer.status_code, json=data)

    def _react(self, request: httpx.Request, body: dict[str, Any], comment: int) -> httpx.Response:
        given = {"id": 1, "user": self._owner.user(ACTIONS_BOT), **body}
        return httpx.Response(201, json=given)

    def _comments(self, request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
        """Comments of all conversations, oldest first."""
        since, found = request.url.params["since"], []
        listed = [*self._owner.ask("GET", "/issues?state=all"), *self._pulls("all")]
        for number in (one["number"] for one in listed):
            found += self._owner.ask("GET", f"/issues/{number}/comments?per_page=100")
        late = [one for one in found if one["updated_at"] >= since]
        return httpx.Response(200, json=sorted(late, key=lambda o: (o["updated_at"], o["id"])))

    def _issues(self, request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
        """Issues and pull requests; few enough for one page."""
        answer = self._ask(request)
        if answer.status_code != 200:
            return answer
        wanted = set(filter(None, request.url.params.get("labels", "").split(",")))
        pulls = self._pulls(request.url.params["state"])
        both = answer.json() + [self._as_issue(one) for one in pulls]
        kept = [one for one in both if wanted <= {label["name"] for label in one["labels"]}]
        return httpx.Response(200, json=sorted(kept, key=lambda one: -one["number"]))

    def _issue(
        self, request: httpx.Request, body: dict[str, Any], number: int
    ) -> httpx.Response | None:
        found = self._pull_data(number)
        return httpx.Response(200, json=self._as_issue(found)) if found else None

    def _change(
        self, request: httpx.Request, body: dict[str, Any], number: int
    ) -> httpx.Response | None:
        found = self._pull_data(number)
        if not found:
            return None
        if "milestone" in body:
            wanted = body["milestone"]
            self._milestones[number] = wanted and self._owner.ask("GET", f"/milestones/{wanted}")
        if "state" in body:
            self._owner.ask("PATCH", f"/pulls/{number}", state=body["state"])
        return self._issue(request, body, number)

    def _pull(
        self, request: httpx.Request, body: dict[str, Any], number: int
    ) -> httpx.Response | None:
        found = self._pull_data(number)
        return httpx.Response(200, json=found) if found else None

    def _merge(self, request: httpx.Request, body: dict[str, Any], number: int) -> httpx.Response:
        """The emulator says that it is merged; the commit of the merge is git's own."""
        pull = self._pull_data(number)
        if body["sha"] != pull["head"]["sha"]:
            return httpx.Response(409, json={"message": "Head branch was modified."})
        self._owner.ask("PUT", f"/pulls/{number}/merge", merge_method="merge")
        main, head = self._mirror.tip("main"), pull["head"]["sha"]
        tree = git(self._bare, "merge-tree", "--write-tree", main, head)
        words = ("commit-tree", "-p", main, "-p", head, "-m", body["commit_title"], tree)
        merge = git(self._bare, *words)
        git(self._bare, "update-ref", f"{BRANCHES}main", merge, main)
        self._mirror.sync()
        return httpx.Response(200, json={"sha": merge, "merged": True, "message": "merged"})

    def _pulls(self, state: str) -> list[Any]:
        return self._owner.ask("GET", f"/pulls?state={state}&per_page=100")

    def _pull_data(self, number: int) -> Any:
        """A pull request whose head is where its branch is; None for an issue."""
        if number not in {one["number"] for one in self._pulls("all")}:
            return None
        pull = self._owner.ask("GET", f"/pulls/{number}")
        if pull["state"] == "open":
            pull["head"]["sha"] = self._mirror.tip(pull["head"]["ref"])
        return pull

    def _as_issue(self, pull: Any) -> Any:
        number = pull["number"]
        labels = self._owner.ask("GET", f"/issues/{number}/labels")
        more = {"milestone": self._milestones.get(number), "pull_request": {"url": pull["url"]}}
        return {**pull, "labels": labels, **more}
