"""What developers command: check, submit, respond, withdraw."""

from __future__ import annotations

import hashlib

from tools.github.boundaries import entries, trespasses
from tools.github.commands import Command
from tools.github.scene import Done, Scene
from tools.github.speech import spoken
from tools.process.ledger.events import Answered, Submitted, Withdrawn
from tools.process.response.answering import open_findings, response_remarks
from tools.process.response.responsefile import parse_response, response_template
from tools.process.response.versions import Versions
from tools.process.tags import make_tag
from tools.process.times import both
from tools.text import code_block, code_span, one_line
from zoo.core.errors import ZooError
from zoo.core.files import replacing

VERDICT = "Verdict"  # the check of CI that sums up all others
REMARKS_SHOWN = 30


def check(scene: Scene, command: Command) -> Done:
    """What the checks of the newest commit say, and where."""
    head = scene.pull.head_sha
    verdict = scene.github.check(head, VERDICT)
    outcome = code_span(one_line(verdict.conclusion)) if verdict else "not finished"
    page = f"https://github.com/{scene.github.repository}/pull/{scene.number}/checks"
    return Done(
        f"the checks of `{head[:12]}`: {outcome}. The report is in the comment on checks, the log "
        f"at <{page}>, where GitHub also runs them again"
    )


def submit(scene: Scene, command: Command) -> Done:
    """Freeze the newest commit, which passed CI and changes nothing but the entry."""
    version, named, pull = command.arguments["version"], command.arguments["commit"], scene.pull
    if pull.is_draft:
        raise ZooError("this pull request is a draft: mark it as ready for review")
    _refuse_foreign_author(scene)
    _refuse_foreign_files(scene)
    _refuse_unmeant_commit(scene, named.lower())
    frozen = scene.fetched()
    if version == "v2":
        _refuse_other_response(scene)
    # One check is known to have passed, the verdict; what it sums up, untrusted files would say.
    state = scene.append(Submitted(version, frozen, 1, 0))
    made = state.v1 if version == "v1" else state.v2
    assert made is not None
    make_tag(scene.record.root, scene.model, version, made)
    late = ", late: the penalty of the policy applies" if made.late else ""
    when = both(made.at, scene.record.policy.zone)
    return Done(f"version {version[1]} is frozen at `{frozen[:12]}`, submitted {when}{late}")


def _refuse_unmeant_commit(scene: Scene, named: str) -> None:
    """What is frozen has passed CI, and is what its developer saw on writing the comment."""
    newest, short = scene.pull.head_sha, scene.pull.head_sha[:12]
    if not newest.startswith(named):
        raise ZooError(f"you named {named[:12]}, the newest commit is {short}: name that, or push")
    verdict = scene.github.check(newest, VERDICT)
    if verdict is None or verdict.conclusion != "success":
        said = f"is '{one_line(verdict.conclusion)}'" if verdict else "has not come yet"
        raise ZooError(f"the verdict of CI on {short} {said}: submit when it is 'success'")
    # GitHub does not tell when a commit was pushed. What had its verdict was there before.
    if not named and verdict.ended_at > scene.said_at:
        rule = f"the verdict of CI on {short} came after your comment"
        version = "v2" if scene.state.v1 else "v1"
        raise ZooError(f"{rule}: if you mean that commit, say /zoo submit {version} {short}")


def _refuse_foreign_author(scene: Scene) -> None:
    """Who opened a pull request can push to it until the very moment at which it is frozen."""
    people = scene.record.roster.people.values()
    authors = [one.handle for one in people if one.github_id == scene.pull.author.id]
    if len(authors) != 1 or authors[0] not in scene.state.team:
        rule = f"this pull request is not by the team of {scene.model}"
        raise ZooError(f"{rule}: submit from one of your own")


def _refuse_foreign_files(scene: Scene) -> None:
    """A submission changes its entry and its response: nothing that judges or runs it."""
    foreign = trespasses(scene.subject.changes)
    if foreign or scene.model not in entries(scene.subject.changes):
        own = f"zoo/{scene.model}/ and reviews/{scene.model}/v2/response.md"
        also = f", this one also {one_line(foreign[0], 100)}" if foreign else ""
        fix = "make that a pull request of its own" if foreign else "submit from one that does"
        raise ZooError(f"a submission changes {own}{also}: {fix}")


def _refuse_other_response(scene: Scene) -> None:
    """The answers that were recorded are those of the version that is frozen."""
    path = f"reviews/{scene.model}/v2/response.md"
    content = scene.file(path)
    if scene.state.findings and _sha256(content or b"") != scene.state.response_sha256:
        raise ZooError(f"{path} is not the one that was recorded: say /zoo respond first")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def respond(scene: Scene, command: Command) -> Done:
    """Record the response of this pull request, or show the form of one."""
    state, record = scene.state, scene.record
    path = f"reviews/{scene.model}/v2/response.md"
    content = scene.file(path)
    findings = open_findings(record, state)
    if content is None:
        form = code_block(spoken(response_template(state, findings), scene.model), "markdown")
        text = f"there is no {code_span(path)} here yet: commit this form, filled in, and say"
        return Done(f"{text} `/zoo respond` again", form)
    assert state.v1 is not None
    text = _decoded(content, path)
    versions = Versions(record.root, state.v1.commit, scene.fetched())
    remarks = response_remarks(text, state, versions.mapped(findings), versions)
    listed = [
        f"{path}:{one.line}: {'warning: ' * one.warning}{one_line(one.rule)}; {one_line(one.fix)}"
        for one in remarks[:REMARKS_SHOWN]
    ]
    listed += ["…"] if len(remarks) > REMARKS_SHOWN else []
    block = code_block(spoken("\n".join(listed), scene.model), "text") if listed else ""
    open_ones = sum(not one.warning for one in remarks)
    if open_ones:
        things = f"{open_ones} thing{'s' * (open_ones > 1)}"
        return Done(f"{things} to mend before the response can be recorded", block, refused=True)
    answers = parse_response(text, path).answers
    scene.append(Answered(_sha256(content), answers))
    _keep(scene, path, content)
    return Done(f"recorded {len(answers)} answers; next: `/zoo submit v2`", block)


def _decoded(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ZooError(f"{path} is no UTF-8 text: save it as UTF-8") from None


def _keep(scene: Scene, path: str, content: bytes) -> None:
    """Write what was recorded beside the ledger, which names its sha256."""
    target = scene.record.root / path
    with replacing(target) as partial:
        partial.write_bytes(content)
    scene.written.append(target)


def withdraw(scene: Scene, command: Command) -> Done:
    """Give the entry up."""
    scene.append(Withdrawn(command.reason))
    return Done("the entry is withdrawn; its reviewers are free")
