"""A course on an emulated GitHub: people who push and comment, webhooks, and jobs of the bot."""

from __future__ import annotations

import functools
import http.server
import json
import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tools.cli import github as command_line
from tools.cli import main
from tools.github.client import ACTIONS_BOT, Client
from tools.github.sticky import MARK
from tools.github.tests.emulated import REPOSITORY, Account, Emulator, Gaps, Mirror, token
from tools.github.tests.transcript import Transcript
from tools.process.git import git
from tools.process.tests.conftest import POLICY
from zoo.core.registry import ZOO_FOLDER

OWNER = "zoo-course"
PEOPLE = {
    "instructor-one": "instructor",
    "dev-one": "developer",
    "dev-two": "developer",
    "rev-one": "reviewer",
    "rev-two": "reviewer",
}
FORM = ZOO_FOLDER.parent / ".github" / "ISSUE_TEMPLATE" / "proposal.yml"
Event = tuple[str, dict[str, Any]]  # name and body
EVENTS = ["issues", "issue_comment", "pull_request_review", "pull_request_review_comment"]


@dataclass(frozen=True)
class Job:
    """What a job of the bot took.

    Attributes:
        name: what it was for.
        answer: seconds until the answer was there; None for the clock's.
        whole: seconds until its end, labels and status included.
        requests: to GitHub.
    """

    name: str
    answer: float | None
    whole: float
    requests: int


class Hooks:
    """Receives webhooks."""

    def __init__(self) -> None:
        bodies: queue.Queue[Event] = queue.Queue()

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                bodies.put((self.headers["X-GitHub-Event"], json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._bodies = bodies
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where webhooks are to be sent."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def wait(self, part: str, number: int) -> Event:
        """In which the comment or issue of that id is created; older ones are dropped."""
        while True:
            name, body = self._bodies.get(timeout=10)
            if body["action"] in ("created", "opened") and body.get(part, {}).get("id") == number:
                return name, body

    def close(self) -> None:
        """Receive no more."""
        self._server.shutdown()
        self._server.server_close()


class Town:
    """What the story says and sees.

    Attributes:
        bare: the repository that everybody pushes to and fetches from.
        jobs: of the bot, in order.
        told: everything that was said.
    """

    def __init__(self, folder: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._emulator, self._monkeypatch = folder, emulator, monkeypatch
        self.bare, self._clone = folder / "bare.git", folder / "people"
        self.jobs: list[Job] = []
        self.told = Transcript()
        self._accounts = {login: Account(emulator.url, login) for login in (OWNER, *PEOPLE)}
        self._branches: dict[int, str] = {}
        self.at("2026-10-01T10:00:00Z")
        self._mirror = Mirror(self.bare, self._accounts[OWNER])
        self._begin()
        self._gaps = Gaps(self.bare, self._mirror, self._accounts[OWNER])
        self._hooks = Hooks()
        hook = {"url": self._hooks.url, "content_type": "json"}
        self._ask(OWNER, "POST", "/hooks", name="web", events=EVENTS, config=hook)
        access = {"permission": "admin"}
        self._ask(OWNER, "PUT", "/collaborators/instructor-one", **access)
        client = functools.partial(Client, transport=self._gaps)
        monkeypatch.setattr(command_line, "Client", client)

    def _begin(self) -> None:
        """A repository with a policy and a roster with everybody's number."""
        for name in ("AUTHOR", "COMMITTER"):
            self._monkeypatch.setenv(f"GIT_{name}_NAME", "A")
            self._monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
        self._monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git(self.folder, "clone", "--quiet", str(self.bare), str(self._clone))
        rows = [
            f'  - {{handle: "@{login}", role: {role}, github_id: {self.number_of(login)}}}'
            for login, role in PEOPLE.items()
        ]
        files = {
            "reviews/policy.yaml": POLICY,
            "reviews/roster.yaml": "\n".join(["people:", *rows, ""]),
            ".gitignore": (ZOO_FOLDER.parent / ".gitignore").read_text(encoding="utf-8"),
            "zoo/__init__.py": "",
        }
        self.push("main", files)

    def number_of(self, login: str) -> int:
        """The numeric id of an account."""
        return self._accounts[OWNER].user(login)["id"]

    def close(self) -> None:
        """Clean up."""
        self._hooks.close()

    def at(self, moment: str) -> None:
        """Set all clocks."""
        self._emulator.at(moment)
        self.told.moment = moment
        for name in ("ZOO_NOW", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            self._monkeypatch.setenv(name, moment)

    def _ask(self, login: str, method: str, path: str, /, **body: object) -> Any:
        return self._accounts[login].ask(method, path, **body)

    # What people do.

    def push(self, branch: str, files: dict[str, str]) -> str:
        """Commit files on a branch and push it, as git does; the new commit."""
        clone = self._clone
        git(clone, "fetch", "--quiet", "origin")
        there = git(clone, "rev-parse", "--verify", f"origin/{branch}", check=False)
        if there or self._mirror.tip("main"):
            git(clone, "checkout", "--quiet", "-B", branch, there or "origin/main")
        for path, text in files.items():
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            (clone / path).write_text(text, encoding="utf-8")
            git(clone, "add", "--force", "--", path)
        git(clone, "commit", "--quiet", "-m", "Files")
        git(clone, "push", "--quiet", "origin", f"HEAD:{branch}")
        self._mirror.sync()
        for number, name in self._branches.items():
            if name == branch:
                self._publish(number)
        return git(clone, "rev-parse", "HEAD")

    def _publish(self, number: int) -> None:
        """GitHub gives every pull request a reference of its own."""
        tip = self._mirror.tip(self._branches[number])
        git(self.bare, "update-ref", f"refs/pull/{number}/head", tip)

    def passes(self, commit: str) -> None:
        """CI has looked at a commit."""
        done = {"status": "completed", "conclusion": "success"}
        self._ask(OWNER, "POST", "/check-runs", name="Verdict", head_sha=commit, **done)

    def propose(self, login: str, name: str, **answers: str) -> int:
        """Fill in the form of a proposal; the issue's number."""
        form = yaml.safe_load(FORM.read_text(encoding="utf-8"))
        parts = []
        for field in form["body"]:
            if "id" not in field:
                continue
            label, given = field["attributes"]["label"], answers.get(field["id"], "_No response_")
            if field["type"] == "checkboxes":
                boxes = field["attributes"]["options"]
                given = "\n".join(f"- [x] {box['label']}" for box in boxes)
            parts.append(f"### {label}\n\n{given}")
        body = "\n\n".join(parts)
        new = {"title": form["title"] + name, "body": body, "labels": form["labels"]}
        issue = self._ask(login, "POST", "/issues", **new)
        self.told.says(login, f"opens issue #{issue['number']}, “{issue['title']}”", body)
        event = self._hooks.wait("issue", issue["id"])
        self._job("issue", event, "proposal")
        return issue["number"]

    def open_pull(self, login: str, branch: str, title: str, files: dict[str, str]) -> int:
        """Push a branch and open a pull request; its number."""
        self.push(branch, files)
        new = {"title": title, "head": branch, "base": "main"}
        number = self._ask(login, "POST", "/pulls", **new)["number"]
        self._branches[number] = branch
        self._publish(number)
        self.told.does(login, f"opens pull request #{number}, “{title}”, with {_listed(files)}")
        return number

    def update(self, login: str, number: int, files: dict[str, str]) -> str:
        """Push more to a pull request; the new commit."""
        commit = self.push(self._branches[number], files)
        self.told.does(login, f"pushes {_listed(files)} to #{number}")
        return commit

    def say(self, login: str, number: int, body: str, *, lost: bool = False) -> str:
        """Comment; what the bot answers. A lost delivery starts no job."""
        comment = self._ask(login, "POST", f"/issues/{number}/comments", body=body)
        self.told.says(login, f"in #{number}", body)
        event = self._hooks.wait("comment", comment["id"])
        if lost:
            self.told.does("GitHub", "starts no job for this comment")
            return ""
        commands = [line for line in body.splitlines() if line.startswith("/zoo")]
        return self._job("comment", event, "; ".join(commands))

    def again(self) -> str:
        """GitHub delivers the last comment once more; what the bot answers."""
        self.told.does("GitHub", "delivers this comment once more")
        return self._run("comment", "the same again")[0]

    def remark(self, login: str, number: int, commit: str, path: str, line: int, text: str) -> None:
        """Comment on a line of a pull request."""
        place = {"commit_id": commit, "path": path, "line": line, "side": "RIGHT"}
        self._ask(login, "POST", f"/pulls/{number}/comments", body=text, **place)
        self.told.says(login, f"in #{number}, on {path}:{line}", text)

    def review(self, login: str, number: int, commit: str, text: str) -> None:
        """Submit a review with a text."""
        new = {"body": text, "event": "COMMENT", "commit_id": commit}
        self._ask(login, "POST", f"/pulls/{number}/reviews", **new)
        self.told.says(login, f"submits a review of #{number}", text)

    # What the workflows do.

    def tick(self, moment: str) -> list[str]:
        """The clock strikes; what the log says."""
        self.at(moment)
        self.told.does("The clock", "strikes")
        return self._run("clock", "clock")[1]

    def _job(self, verb: str, event: Event, name: str) -> str:
        """Run a job on an event; what the bot answers."""
        path = self.folder / "event.json"
        path.write_text(json.dumps(event[1]), encoding="utf-8")
        self._monkeypatch.setenv("GITHUB_EVENT_NAME", event[0])
        self._monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
        return self._run(verb, name)[0]

    def _run(self, verb: str, name: str) -> tuple[str, list[str]]:
        """Run `zoo github VERB` in a fresh checkout; the first answer, and the log."""
        root = self.folder / f"checkout-{len(self.jobs)}"
        git(self.folder, "clone", "--quiet", str(self.bare), str(root))
        settings = {
            "ZOO_ROOT": str(root),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": token(ACTIONS_BOT),
            "GITHUB_API_URL": self._emulator.url,
        }
        for key, value in settings.items():
            self._monkeypatch.setenv(key, value)
        before, start = len(self._gaps.seen), time.perf_counter()
        result = CliRunner().invoke(main, ["github", verb], catch_exceptions=False)
        whole = time.perf_counter() - start
        assert result.exit_code == 0, result.output + result.stderr
        seen = self._gaps.seen[before:]
        self._mirror.sync()
        written = [one for one in seen if one.method == "POST" and one.path.endswith("/comments")]
        answer = written[0].at - start if written and verb != "clock" else None
        self.jobs.append(Job(name, answer, whole, len(seen)))
        self.told.bot(seen)
        return (written[0].body["body"] if written else ""), result.output.splitlines()

    def fsck(self) -> str:
        """What `zoo fsck` says of a new clone."""
        root = self.folder / "clone"
        git(self.folder, "clone", "--quiet", str(self.bare), str(root))
        self._monkeypatch.setenv("ZOO_ROOT", str(root))
        result = CliRunner().invoke(main, ["fsck"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def in_main(self, path: str) -> str:
        """A file of the default branch as it was pushed; "" for none."""
        return git(self.bare, "show", f"main:{path}", check=False)

    def said_by_bot(self) -> list[str]:
        """Everything that the bot wrote."""
        return [
            one.body["body"]
            for one in self._gaps.seen
            if one.method in ("POST", "PATCH") and "body" in one.body
        ]

    def pull(self, number: int) -> Any:
        """A pull request as the emulator has it."""
        return self._ask(OWNER, "GET", f"/pulls/{number}")

    def pull_head(self, number: int) -> str:
        """The newest commit of a pull request."""
        return self._mirror.tip(self._branches[number])

    def status(self, number: int) -> str:
        """The status comment of an issue or pull request; there is one."""
        bodies = [one["body"] for one in self._ask(OWNER, "GET", f"/issues/{number}/comments")]
        (found,) = (body for body in bodies if body.startswith(MARK))
        return found

    def labels(self, number: int) -> list[str]:
        """Labels of an issue or pull request."""
        return [one["name"] for one in self._ask(OWNER, "GET", f"/issues/{number}/labels")]


def _listed(files: dict[str, str]) -> str:
    return ", ".join(f"`{path}`" for path in files)
