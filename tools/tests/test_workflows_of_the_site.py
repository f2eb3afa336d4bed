"""Contracts of the workflows that publish: what runs code may not write, what writes runs none."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tools.cli import main
from tools.github.setup import ENVIRONMENT
from tools.tests.test_workflows import ROOT, load
from tools.tests.test_workflows_of_the_bot import DEPLOY

NAMES = ("publish.yml", "still-runs.yml")
WORKFLOWS = {name: load(ROOT / ".github/workflows" / name) for name in NAMES}
JOBS = {(name, job): body for name, flow in WORKFLOWS.items() for job, body in flow["jobs"].items()}
RUNNING = [place for place in JOBS if place[1] != "deploy"]
named = pytest.mark.parametrize("name", NAMES)
running = pytest.mark.parametrize("place", RUNNING, ids="/".join)


def runs(place: tuple[str, str]) -> list[str]:
    """The commands of a job, in their order."""
    return [step["run"].strip() for step in JOBS[place]["steps"] if "run" in step]


def uploads(place: tuple[str, str]) -> dict[str, dict[str, Any]]:
    """What a job leaves behind, by name."""
    steps = [step for step in JOBS[place]["steps"] if "upload-artifact" in step.get("uses", "")]
    return {step["with"]["name"]: step["with"] for step in steps}


def test_what_starts_them() -> None:
    assert WORKFLOWS["publish.yml"]["on"] == {"workflow_dispatch": None}
    on = WORKFLOWS["still-runs.yml"]["on"]
    assert set(on) == {"schedule", "workflow_dispatch"}
    (row,) = on["schedule"]
    minute, hour, day, month, weekday = row["cron"].split()
    assert minute.isdigit()
    assert hour.isdigit()
    assert int(day) <= 28  # which every month has
    assert (month, weekday) == ("*", "*")


def test_publishing_waits_for_an_instructor() -> None:
    assert JOBS["publish.yml", "build"]["environment"] == {"name": ENVIRONMENT}
    assert "needs" not in JOBS["publish.yml", "build"]  # so nothing happens before it
    assert JOBS["publish.yml", "deploy"]["needs"] == "build"


@running
def test_what_runs_code_of_entries_may_only_read_the_default_branch(place: Any) -> None:
    job = JOBS[place]
    assert job["permissions"] == {"contents": "read"}
    checkout = job["steps"][0]
    assert checkout["uses"].startswith("actions/checkout@")
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    assert checkout["with"]["persist-credentials"] is False
    assert checkout["with"]["fetch-depth"] == 0
    assert "token" not in yaml.safe_dump(job)


@named
def test_what_may_write_the_site_runs_nothing(name: str) -> None:
    job = JOBS[name, "deploy"]
    assert job["permissions"] == DEPLOY
    (step,) = job["steps"]
    assert set(step) == {"uses", "id"}
    assert step["uses"].startswith("actions/deploy-pages@")
    # The one environment from which Pages takes a site.
    assert job["environment"]["name"] == "github-pages"
    assert "if" not in job  # where an earlier job failed or was skipped, nothing is deployed


@named
def test_one_run_deploys_at_a_time_and_none_is_cut_off(name: str) -> None:
    assert WORKFLOWS[name]["concurrency"] == {"group": "site", "cancel-in-progress": False}


@running
def test_no_step_goes_on_after_a_failure(place: Any) -> None:
    for step in JOBS[place]["steps"]:
        assert "if" not in step
        assert "continue-on-error" not in step
        assert "||" not in step.get("run", "")


def test_the_gate_comes_before_everything_else() -> None:
    said = runs(("publish.yml", "build"))
    assert said[0] == "zoo fsck"
    assert said[1] == "zoo publish release build/release"
    assert said[-3:-1] == [
        "zoo publish recheck --out build/still-runs.json",
        "zoo publish site --checked build/still-runs.json",
    ]
    made = uploads(("publish.yml", "build"))
    assert {name: row["path"] for name, row in made.items()} == {
        "release": "build/release.bundle",
        "github-pages": "artifact.tar",
    }
    assert all(row["if-no-files-found"] == "error" for row in made.values())


def test_what_still_runs_reaches_the_site_as_a_file() -> None:
    said = runs(("still-runs.yml", "rerun"))
    fetched = next(n for n, run in enumerate(said) if "load('mnist', 'test')" in run)
    assert fetched < said.index("zoo publish recheck --out build/still-runs.json")
    (left,) = uploads(("still-runs.yml", "rerun")).values()
    assert left["path"] == "build/still-runs.json"
    job = JOBS["still-runs.yml", "site"]
    (taken,) = [s["with"] for s in job["steps"] if "download-artifact" in s.get("uses", "")]
    assert taken["name"] == left["name"]
    # Never over a file that is executed: it comes to lie in a folder of its own.
    assert taken["path"] == "build/checked"
    assert runs(("still-runs.yml", "site"))[0] == (
        "zoo publish site --checked build/checked/still-runs.json"
    )
    assert JOBS["still-runs.yml", "deploy"]["needs"] == "site"


def test_without_a_site_in_the_policy_none_is_built() -> None:
    job = JOBS["still-runs.yml", "site"]
    assert job["if"] == "${{ needs.rerun.outputs.site != '' }}"
    rerun = JOBS["still-runs.yml", "rerun"]
    assert rerun["outputs"] == {"site": "${{ steps.policy.outputs.site }}"}
    places = [n for n, step in enumerate(rerun["steps"]) if step.get("id") == "policy"]
    ran = next(n for n, step in enumerate(rerun["steps"]) if "recheck" in step.get("run", ""))
    assert places[0] < ran  # before code of an entry could say something else


def test_every_command_exists() -> None:
    said = [line for place in RUNNING for run in runs(place) for line in run.splitlines()]
    commands = {
        tuple(re.match(r"zoo ((?:[a-z]+ ?)+)", x)[1].split()[:2]) for x in said if x[:4] == "zoo "
    }
    assert len(commands) == 4
    for command in commands:
        words = command if command[0] == "publish" else command[:1]
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0
