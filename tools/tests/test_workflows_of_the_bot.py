"""Contracts of the workflows that may write: they run nothing of a pull request."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.github import lock
from tools.github.boundaries import trespasses
from tools.github.port import ChangedFile
from tools.github.report import WORKFLOW
from tools.process.rules.config import load_roster
from tools.tests.test_workflows import ACTIONS, ROOT, WORKFLOWS, load, named, steps

FOLDER = ROOT / ".github/workflows"
WRITERS = {
    ("bot.yml", "comment"): {
        "contents": "write",
        "issues": "write",
        "pull-requests": "write",
        "checks": "read",
    },
    ("bot.yml", "proposal"): {"contents": "write", "issues": "write", "pull-requests": "read"},
    ("clock.yml", "clock"): {
        "contents": "write",
        "issues": "write",
        "pull-requests": "write",
        "checks": "read",
    },
    ("report.yml", "report"): {"contents": "read", "actions": "read", "pull-requests": "write"},
}
DEPLOY = {"pages": "write", "id-token": "write"}
DEPLOYERS = dict.fromkeys((("publish.yml", "deploy"), ("still-runs.yml", "deploy")), DEPLOY)
RUNS = {
    ("bot.yml", "comment"): "zoo github comment",
    ("bot.yml", "proposal"): "zoo github issue",
    ("clock.yml", "clock"): 'zoo github clock --at "$TIME"',
    ("report.yml", "report"): "zoo github report",
}
QUEUES = {
    ("bot.yml", "comment"): "record-${{ github.event.comment.user.id }}",
    ("bot.yml", "proposal"): "record-${{ github.event.issue.user.id }}",
    ("clock.yml", "clock"): "record",
    ("report.yml", "report"): "report-${{ github.event.workflow_run.head_repository.id }}"
    "-${{ github.event.workflow_run.head_branch }}",
}
OURS = ("github.token", "github.event.repository.default_branch", "inputs.time")


def jobs() -> dict[tuple[str, str], dict[str, Any]]:
    return {(p.name, name): job for p in WORKFLOWS for name, job in load(p)["jobs"].items()}


def writing() -> Any:
    return pytest.mark.parametrize("job", WRITERS, ids="/".join)


def test_every_job_with_more_than_reading_is_known_here():
    found = {
        place: job["permissions"]
        for place, job in jobs().items()
        if set(job["permissions"]) - {"contents"} or "write" in job["permissions"].values()
    }
    assert found == WRITERS | DEPLOYERS  # of which the latter run nothing: see the other file


def test_what_starts_a_workflow_that_may_write():
    assert load(FOLDER / "bot.yml")["on"] == {
        "issue_comment": {"types": ["created"]},
        "issues": {"types": ["opened", "edited"]},
    }
    assert load(FOLDER / "report.yml")["on"] == {
        "workflow_run": {"workflows": [WORKFLOW], "types": ["completed"]}
    }
    on = load(FOLDER / "clock.yml")["on"]
    assert set(on) == {"schedule", "workflow_dispatch"}
    assert set(on["workflow_dispatch"]["inputs"]) == {"time"}
    assert load(FOLDER / "ci.yml")["name"] == WORKFLOW


@named(WORKFLOWS)
def test_no_workflow_starts_with_the_rights_of_the_base_and_the_code_of_the_head(path):
    # pull_request_review and its like run the workflow of the pull request; the other one runs
    # that of the base and tempts to check the head out.
    refused = {"pull_request_target", "pull_request_review", "pull_request_review_comment"}
    assert not refused & set(load(path)["on"])


@writing()
def test_only_the_default_branch_is_checked_out_and_one_command_is_run(job):
    checkout, install, command = jobs()[job]["steps"]
    assert checkout["uses"].startswith("actions/checkout@")
    given = dict(checkout["with"])
    assert given.pop("ref") == "${{ github.event.repository.default_branch }}"
    assert given.pop("persist-credentials") is False
    assert given.pop("fetch-depth", 0) == 0
    assert given == {}  # no other repository, no other token
    assert install == {"uses": "./.github/actions/install-bot"}
    assert command["run"] == RUNS[job]
    assert command["env"]["GITHUB_TOKEN"] == "${{ github.token }}"


@writing()
def test_no_text_of_a_stranger_reaches_a_step(job):
    text = yaml.safe_dump(jobs()[job]["steps"])
    used = [found.strip() for found in re.findall(r"\$\{\{(.*?)\}\}", text)]
    assert set(used) <= set(OURS)
    assert "github.event" not in jobs()[job]["steps"][2]["run"]


@writing()
def test_who_comes_later_waits_and_nobody_is_pushed_out(job):
    concurrency = jobs()[job]["concurrency"]
    assert concurrency["cancel-in-progress"] is False
    assert concurrency["queue"] == "max"
    assert concurrency["group"] == QUEUES[job]


def test_a_comment_without_a_command_or_of_a_bot_starts_nothing():
    condition = " ".join(jobs()["bot.yml", "comment"]["if"].split())
    assert "github.event_name == 'issue_comment'" in condition
    assert "github.event.comment.user.type == 'User'" in condition
    # The space keeps out links to a repository of this name.
    assert "contains(github.event.comment.body, '/zoo ')" in condition
    assert "author_association" not in (FOLDER / "bot.yml").read_text()


def test_a_proposal_is_an_issue_with_the_label_of_its_form():
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/proposal.yml").read_text())
    condition = jobs()["bot.yml", "proposal"]["if"]
    assert [f"labels.*.name, '{label}'" in condition for label in form["labels"]] == [True]


@named(WORKFLOWS)
def test_there_are_no_secrets(path):
    assert "secrets." not in path.read_text()


def test_the_bots_jobs_sign_their_commits():
    for name in ("bot.yml", "clock.yml"):
        environment = load(FOLDER / name)["env"]
        assert set(environment) == {
            f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }


@named(WORKFLOWS + ACTIONS)
def test_every_exception_from_a_linter_has_its_reason_beside_it(path):
    for line in path.read_text().splitlines():
        if "zizmor: ignore" in line:
            assert re.search(r"zizmor: ignore\[[a-z-]+\] \w+.{20,}", line), line


def locked():
    """Version by name of what the bot's jobs install; every line of it has its hash."""
    text = lock.PAGE.read_text().removeprefix(lock.HEAD)
    line = re.compile(r"([\w.-]+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}\n")
    assert line.sub("", text) == ""
    return {canonicalize_name(name): version for name, version in line.findall(text)}


def test_the_bot_installs_everything_but_pytorch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    left_out = set(project["dependencies"]) - set(lock.wanted())
    assert {re.match(r"[\w-]+", name)[0] for name in left_out} == {"torch", "torchvision"}
    assert set(project["optional-dependencies"]["bot"]) <= set(lock.wanted())
    for one in map(Requirement, lock.wanted()):
        assert locked()[canonicalize_name(one.name)] in one.specifier, one


def test_what_its_packages_need_is_locked_too():
    """As far as the same versions are installed here."""
    known, looked = locked(), 0
    for name, version in known.items():
        found = [d for d in importlib.metadata.distributions(name=name) if d.version == version]
        needs = [Requirement(one) for one in (found[0].requires or [])] if found else []
        asked = [one for one in needs if not one.marker or one.marker.evaluate({"extra": ""})]
        looked += len(asked)
        for one in asked:
            assert known[canonicalize_name(one.name)] in one.specifier, (name, str(one))
    assert looked > 10


def test_only_what_is_locked_is_installed():
    action = ROOT / ".github/actions/install-bot/action.yml"
    install = steps(action)[-1]
    assert install["env"]["LOCKED"] == f"${{{{ github.action_path }}}}/{lock.PAGE.name}"
    assert (action.parent, lock.PYTHON) == (
        lock.PAGE.parent,
        steps(action)[0]["with"]["python-version"],
    )
    first, second = install["run"].splitlines()
    assert "--require-hashes --only-binary :all:" in first
    assert "--no-deps --no-index --no-build-isolation --editable ." in second
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    (packages,) = [one for one in updates if one["package-ecosystem"] == "pip"]
    assert f"/{lock.PAGE.parent.relative_to(ROOT)}" in packages["directories"]


def test_no_cache_that_student_code_can_fill_reaches_the_bot():
    """Jobs of CI on the default branch run student code before they save pip's cache."""
    for step in steps(ROOT / ".github/actions/install-bot/action.yml"):
        assert "cache" not in step.get("with", {}), step
        assert "cache" not in step.get("uses", ""), step


def test_the_bot_can_do_without_pytorch():
    code = (
        "import sys, pkgutil, importlib\n"
        "for name in ('torch', 'torchvision'): sys.modules[name] = None\n"
        "import tools.cli.github, tools.github, tools.process\n"
        "for package in (tools.github, tools.process):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not {'tests', 'simulation', 'benchmarks'} & set(module.name.split('.')):\n"
        "            importlib.import_module(module.name)\n"
        "print(sum(name.startswith('tools.github.') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_owners_of_the_rules_are_instructors():
    people = load_roster(ROOT / "reviews/roster.yaml").people.values()
    instructors = {person.handle for person in people if person.role == "instructor"}
    lines = (ROOT / ".github/CODEOWNERS").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    assert rows
    for pattern, *owners in rows:
        assert set(owners) <= instructors, pattern
        # What is owned is what a submission may not touch.
        path = pattern.removeprefix("/").replace("*", "vae")
        path += "x" if path.endswith("/") else ""
        entry = ChangedFile("zoo/vae/model.py", "modified")
        assert trespasses([entry, ChangedFile(path, "modified")]) == [path]
