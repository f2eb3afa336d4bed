"""What continuous integration found, said on the pull request.

CI runs the code of strangers, who can therefore write anything into what it leaves behind. Here
that is data: the run is fetched again by its number, each archive may hold one small file of one
name, its content must be a report, every text in it is escaped, and it is posted on the pull
request whose present head is the commit that was run, or nowhere.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from tools.checks.findings import Report, Status
from tools.checks.reading import read_report
from tools.checks.render import MARKS, markdown
from tools.github.boundaries import refusal
from tools.github.port import COMMENT_LIMIT, Artifact, GitHub, Pull, Run
from tools.github.sticky import pin
from tools.text import escape
from zoo.core.errors import ZooError

WORKFLOW = "CI"
MARKER = "<!-- zoo:report -->"
MEMBER = "report.json"
ARCHIVE_LIMIT = 1_000_000  # bytes of one archive
FILE_LIMIT = 4_000_000  # bytes of the report in it; real ones have some thousand
TOTAL_LIMIT = 20_000_000  # bytes of all reports of a run
FETCHES = 100  # archives of a run: GitHub counts what the bot asks for, and then stops it
SAID = ("success", "failure", "timed_out", "startup_failure")  # cancelled runs were superseded
_NAME = re.compile(r"(report|checked)-([a-z][a-z0-9_]{0,63})")
_STATIC = "static"
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # which inflate in little memory


def report(github: GitHub, run_id: int) -> str:
    """Post or renew the comment on the pull requests that a run was for; what came of it."""
    run = github.run(run_id)
    if run is None:
        raise ZooError(f"there is no run {run_id} in {github.repository}: nothing to report")
    if (run.workflow, run.event) != (WORKFLOW, "pull_request"):
        raise ZooError(f"run {run_id} is no run of {WORKFLOW} on a pull request: nothing to report")
    if run.conclusion not in SAID:
        return f"run {run_id} is {run.conclusion or 'not over'}: nothing to say"
    pulls = github.pulls_with_head(run.head_sha)
    if not pulls:
        return f"no open pull request has the head {run.head_sha[:12]} any more: nothing to say"
    reports, notes, notebooks = _collect(github, run)
    posted = []
    for pull in pulls:
        try:
            changed = github.changed_files(pull.base_sha, pull.head_sha)
            broken = refusal(changed, github.permission(pull.author.login))
        except ZooError as error:
            broken = str(error)
        body = comment_text(github.repository, run, reports, notebooks, [broken, *notes])
        posted += [f"#{pull.number}"] if _post(github, run, pull, body) else []
    return f"run {run_id} reported on {', '.join(posted) or 'no pull request: the heads moved'}"


def _post(github: GitHub, run: Run, pull: Pull, body: str) -> bool:
    """Write the comment, or change the one that is there; not where the head has moved."""
    present = github.pull(pull.number)
    if present is None or present.head_sha != run.head_sha:
        return False
    pin(github, pull.number, body, MARKER)
    return True


def _collect(github: GitHub, run: Run) -> tuple[list[Report], list[str], dict[str, int]]:
    """The reports of a run, why others are not shown, and the artifacts of executed notebooks."""
    reports: dict[str, Report] = {}
    notes: list[str] = []
    notebooks: dict[str, int] = {}
    total = fetched = 0
    for artifact in github.artifacts(run.id):
        match = _NAME.fullmatch(artifact.name)
        if match is None or artifact.expired:
            continue
        if match[1] == "checked":
            notebooks[match[2]] = artifact.id
            continue
        fetched += 1
        if fetched > FETCHES:
            continue
        try:
            content = _fetch(github, artifact)
            total += len(content)
            if total > TOTAL_LIMIT:
                raise ZooError(f"the reports of this run have more than {TOTAL_LIMIT} bytes")
            reports[match[2]] = read_report(content)
        except ZooError as error:
            notes.append(f"{artifact.name} is not shown: {error}")
    if fetched > FETCHES:
        notes.append(f"{fetched - FETCHES} more reports are not shown: {FETCHES} are the most")
    return _without_repetition(reports), notes, notebooks


def _fetch(github: GitHub, artifact: Artifact) -> bytes:
    if artifact.size > ARCHIVE_LIMIT:
        raise ZooError(f"the archive has {artifact.size} bytes; {ARCHIVE_LIMIT} are allowed")
    return unpack(github.download_artifact(artifact.id, ARCHIVE_LIMIT))


def _without_repetition(reports: Mapping[str, Report]) -> list[Report]:
    """The full reports, and of the static one what no full report has."""
    full = [content for name, content in sorted(reports.items()) if name != _STATIC]
    known = {subject for content in full for subject in content.subjects}
    static = reports.get(_STATIC, Report(()))
    rest = Report(tuple(result for result in static.results if result.subject not in known))
    return [*full, rest] if rest.results else full


def unpack(archive: bytes) -> bytes:
    """The one file of an artifact, report.json.

    Raises:
        ZooError: it is no zip, or holds another file, a folder, a link, or more than is allowed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = opened.infolist()
            if [member.filename for member in members] != [MEMBER]:
                raise ZooError(f"the archive holds something else than one file {MEMBER}")
            kind = stat.S_IFMT(members[0].external_attr >> 16)
            if kind not in (0, stat.S_IFREG) or members[0].compress_type not in PACKED:
                raise ZooError(f"{MEMBER} is no file as artifacts hold them")
            # What the archive says of sizes is a stranger's word: inflate to the limit, no more.
            with opened.open(members[0]) as file:
                content = file.read(FILE_LIMIT + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ZooError("the archive cannot be opened") from error
    if len(content) > FILE_LIMIT:
        raise ZooError(f"{MEMBER} has more than {FILE_LIMIT} bytes")
    return content


def report_text(reports: Sequence[Report]) -> str:
    """Markdown of all reports together; strangers' text in it is text."""
    return markdown(Report(tuple(result for content in reports for result in content.results)))


def comment_text(
    repository: str,
    run: Run,
    reports: Sequence[Report],
    notebooks: Mapping[str, int],
    notes: Sequence[str],
) -> str:
    """The comment.

    Args:
        repository: "owner/name".
        run: the run of CI.
        reports: what it found, if anything.
        notebooks: ids of the artifacts with executed notebooks, by entry.
        notes: what else is to be said, in lines that may quote strangers; empty ones are left out.
    """
    url = f"https://github.com/{repository}/actions/runs/{run.id}"
    mark = MARKS[Status.PASS if run.conclusion == "success" else Status.FAIL]
    head = f"{mark} CI on `{run.head_sha[:12]}`: {run.conclusion} ([log]({url}))"
    lines = [MARKER, *(f"> ✖ {escape(note)}\n" for note in notes if note)]
    lines += [report_text(reports)] if reports else ["CI ended before it wrote a report.\n"]
    links = [f"[{name}]({url}/artifacts/{number})" for name, number in sorted(notebooks.items())]
    lines += [head + (f" · executed notebooks: {', '.join(links)}" if links else "")]
    body = "\n".join(lines) + "\n"
    short = f"{MARKER}\n{head}\n\nThe report is too long.\n"
    return body if len(body) <= COMMENT_LIMIT else short
