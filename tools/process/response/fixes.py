"""Whether the answers' claims can be seen in the files: claimed fixed, and lines untouched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tools.process.response.mapping import Mapped
from tools.process.response.responsefile import Reply
from tools.process.response.versions import Versions
from tools.process.review.lint import Remark


def fix_remarks(
    replies: Mapping[str, Reply], mapped: Mapping[str, Mapped], versions: Versions
) -> list[Remark]:
    """Claims that the difference between the versions does not bear out.

    A finding that is claimed fixed with its place untouched must name in `where` the place of the
    fix; then it is a warning, for the reviewer to judge.
    """
    return [
        remark
        for key, reply in replies.items()
        if key in mapped
        for remark in (*_places(reply, versions), *_claim(reply, mapped[key]))
    ]


def _places(reply: Reply, versions: Versions) -> Iterator[Remark]:
    """The named places exist, and something changed there."""
    for place in reply.where:
        if not versions.exists(place):
            rule = f"{reply.key}: there is no {place} now"
            yield Remark(reply.line, rule, "name lines or a cell as they are in version 2")
        elif reply.answer == "fixed" and not versions.hunks_at(place):
            rule = f"{reply.key}: nothing changed at {place} since version 1"
            yield Remark(reply.line, rule, "name the lines of the fix in 'where'", warning=True)


def _claim(reply: Reply, mapped: Mapped) -> Iterator[Remark]:
    """What is claimed fixed was touched, or the fix lies elsewhere and says where."""
    if reply.answer != "fixed" or mapped.changed:
        return
    rule = f"{reply.key} is claimed fixed, and {mapped.finding.place} is untouched"
    if reply.where:
        fix = f"its reviewer will look at {', '.join(map(str, reply.where))}"
        yield Remark(reply.line, rule, fix, warning=True)
    else:
        fix = "fix it there, name the place of the fix in 'where', or answer disputed or wont-fix"
        yield Remark(reply.line, rule, fix)
