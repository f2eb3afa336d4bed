"""Contracts of the workflows: who starts them, what they may do, what they run."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
CI = ROOT / ".github/workflows/ci.yml"
PIN = re.compile(r"uses: (?P<action>\S+)@(?P<sha>[0-9a-f]{40}) # v\d+(\.\d+)*$")


def load(path: Path) -> dict[str, Any]:
    workflow = yaml.safe_load(path.read_text())
    workflow["on"] = workflow.pop(True, None)  # YAML 1.1 reads `on` as a truth value
    return workflow


def steps(path: Path) -> list[dict[str, Any]]:
    content = load(path)
    jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
    return [step for job in jobs for step in job.get("steps", [])]


def named(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=lambda p: str(p.relative_to(ROOT)))


@named(WORKFLOWS + ACTIONS)
def test_foreign_actions_are_pinned_to_a_commit_with_its_version(path):
    for line in path.read_text().splitlines():
        if "uses: " in line and "uses: ./" not in line:
            assert PIN.search(line.rstrip()), line.strip()


def test_one_action_has_one_version():
    found: dict[str, set[str]] = {}
    for path in WORKFLOWS + ACTIONS:
        for match in PIN.finditer(path.read_text().replace("\n", " \n")):
            found.setdefault(match["action"], set()).add(match["sha"])
    assert all(len(shas) == 1 for shas in found.values()), found


@named(WORKFLOWS)
def test_a_workflow_has_no_rights_but_those_its_jobs_ask_for(path):
    workflow = load(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert workflow.get("concurrency") or job["concurrency"], name
        assert "permissions" in job, name
        assert job["timeout-minutes"] <= 120, name


@named(WORKFLOWS + ACTIONS)
def test_no_checkout_leaves_credentials_behind(path):
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@named(WORKFLOWS + ACTIONS)
def test_scripts_take_values_from_the_environment(path):
    # A value pasted into a script by the template is code of whoever chose the value.
    for step in steps(path):
        assert "${{" not in step.get("run", "")


def test_ci_starts_on_pull_requests_on_main_and_every_night():
    on = load(CI)["on"]
    assert set(on) == {"pull_request", "push", "schedule"}
    assert on["push"]["branches"] == ["main"]
    assert len(on["schedule"]) == 1


def test_ci_can_only_read():
    for name, job in load(CI)["jobs"].items():
        assert job["permissions"] in ({}, {"contents": "read"}), name
    assert "secrets." not in CI.read_text()


def test_ci_checks_statically_before_it_runs_anything_of_the_changed_entries():
    jobs = load(CI)["jobs"]
    assert jobs["entries"]["needs"] == "static"
    assert "needs" not in jobs["static"]
    static = "\n".join(step.get("run", "") for step in jobs["static"]["steps"])
    assert "pre-commit run --all-files" in static
    assert "--static" in static
    assert "--changed --base" in static
    matrix = jobs["entries"]["strategy"]["matrix"]["subject"]
    assert matrix == "${{ fromJSON(needs.static.outputs.subjects) }}"
    assert jobs["static"]["outputs"]["subjects"] == "${{ steps.check.outputs.subjects }}"
    assert "check" in [step.get("id") for step in jobs["static"]["steps"]]


def test_ci_keeps_notebooks_and_reports_also_when_a_check_failed():
    jobs = load(CI)["jobs"]
    uploads = [s for s in jobs["entries"]["steps"] if "upload-artifact" in s.get("uses", "")]
    assert [upload["with"]["name"] for upload in uploads] == [
        "checked-${{ matrix.subject }}",
        "report-${{ matrix.subject }}",
    ]
    uploads += [s for s in jobs["static"]["steps"] if "upload-artifact" in s.get("uses", "")]
    assert {upload["if"] for upload in uploads} == {"${{ !cancelled() }}"}
    assert [upload["with"]["path"] for upload in uploads] == [
        "build/notebooks/",
        "build/report.json",
        "build/report.json",
    ]
    assert uploads[2]["with"]["name"] == "report-static"
    for job in ("static", "entries"):
        assert "GITHUB_STEP_SUMMARY" in "".join(s.get("run", "") for s in jobs[job]["steps"])


def test_the_night_runs_every_notebook_afresh_and_measures_every_claim():
    job = load(CI)["jobs"]["nightly"]
    assert job["if"] == "${{ github.event_name == 'schedule' }}"
    runs = [step.get("run", "") for step in job["steps"]]
    assert "zoo notebook run --all --no-cache" in runs
    fetched = next(n for n, run in enumerate(runs) if "load('mnist', 'test')" in run)
    assert fetched < runs.index("zoo verify --all")  # claims without their data are skipped


def test_the_verdict_waits_for_every_job_of_a_pull_request():
    jobs = load(CI)["jobs"]
    assert set(jobs["verdict"]["needs"]) == set(jobs) - {"nightly", "verdict"}
    assert jobs["verdict"]["if"] == "${{ always() }}"


def hooks() -> list[dict[str, Any]]:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    return config["repos"][0]["hooks"]


def test_hooks_use_exact_versions_and_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    ours = dict(r.split("==") for required in extras for r in required if "==" in r)
    for hook in hooks():
        for requirement in hook.get("additional_dependencies", []):
            name, version = re.fullmatch(r"(.+)(?:==|@)([\d.]+)", requirement).groups()
            assert ours.get(name, version) == version, requirement
    assert "ruff" in ours


def test_hooks_cover_the_house_rules():
    assert {"ruff-check", "ruff-format", "nbstripout", "large-files", "zoo-check", "zizmor"} <= {
        hook["id"] for hook in hooks()
    }
