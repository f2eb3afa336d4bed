"""A new history of three commits: version 1 of every entry, version 2, and the reviews."""

from __future__ import annotations

from collections.abc import Callable

from tools.publish.release.building import Builder, Files


def fresh(builder: Builder) -> str:
    """Write the history; the last commit."""
    plan, source = builder.plan, builder.source
    now = builder.base()
    first: Files = {path: item for path, item in now.items() if not _of_entry(builder, path)}
    for model, state in plan.published.items():
        assert state.v1 is not None
        frozen = source.files(source.commit(state.v1.commit).tree)
        for path, (mode, key) in frozen.items():
            if path.startswith(f"zoo/{model}/"):
                data = builder.public(path, source.get(key))
                first[plan.people.file(path)] = (mode, builder.blob(path, data, state.v1.commit))
    states = plan.published.values()
    times = {
        version: max(int(getattr(state, version).at.timestamp()) for state in states)
        for version in ("v1", "v2")
    }
    one = builder.commit(first, (), times["v1"], "Version 1 of every entry\n")
    two = builder.commit(now, (one,), times["v2"], "Version 2, after the reviews\n")

    def renamed(model: str, name: str) -> str | None:
        state = plan.published[model]
        for version, commit in ((state.v2, two), (state.v1, one)):
            if version is not None and version.commit.startswith(name):
                return commit
        return None

    now |= builder.reviews(renamed, lambda model: _commits(one, two))
    now |= builder.pages(now)
    end = max(source.commit(plan.commit).committed, times["v2"])
    return builder.commit(now, (two,), end, "Reviews, answers and ledgers\n")


def _of_entry(builder: Builder, path: str) -> bool:
    return path.split("/")[0] == "zoo" and path.split("/")[1] in builder.plan.published


def _commits(one: str, two: str) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
    """An entry's events happen on version 1 until version 2 is submitted."""
    at = [one]

    def frozen(version: str, old: str) -> str:
        at[0] = two if version == "v2" else one
        return at[0]

    return lambda old: at[0], frozen
