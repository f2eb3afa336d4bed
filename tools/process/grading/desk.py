"""Everything at hand for grading: the record of a term and the instructor's private directory."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

from tools.process.grading.explain import Wording
from tools.process.grading.files import load_overrides, load_sheets
from tools.process.grading.gradebook import Student, load_people, people_text
from tools.process.grading.grades import (
    EntryGrade,
    PersonGrade,
    grade_entries,
    grade_people,
    graded_people,
)
from tools.process.grading.lock import RELEASABLE, counts
from tools.process.grading.prepare import OVERRIDES, extended, fresh
from tools.process.grading.release import Release, locked_by, publish, release_files
from tools.process.grading.sheets import Override, Sheet, sheet_problems
from tools.process.ledger.events import GradesReleased
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.review.reviewfile import load_review
from tools.process.rules.policy import Policy
from zoo.core.errors import ZooError
from zoo.core.files import replacing


class Desk:
    """A term to grade.

    Attributes:
        record: what is public.
        folder: the private directory.
    """

    def __init__(self, record: Record, folder: Path) -> None:
        self.record, self.folder = record, folder

    @functools.cached_property
    def states(self) -> dict[str, Submission]:
        """The entries that are graded."""
        return {name: state for name, state in self.record.states().items() if counts(state)}

    @functools.cached_property
    def sheets(self) -> dict[str, Sheet | None]:
        """Their grading sheets."""
        return load_sheets(self.folder, self.states, self.record.policy)

    @functools.cached_property
    def overrides(self) -> list[Override]:
        """Grades that the instructor set by hand."""
        return load_overrides(self.folder / "overrides.yaml", self.record.roster)

    @functools.cached_property
    def students(self) -> dict[str, Student]:
        """Who is who in the learning-management system."""
        return load_people(self.folder / "people.csv", self.record.roster)

    @functools.cached_property
    def entries(self) -> dict[str, EntryGrade]:
        """Every entry's scores."""
        return grade_entries(self.states, self.sheets, self.record.policy)

    @functools.cached_property
    def people(self) -> dict[str, PersonGrade]:
        """Everybody's grade."""
        return grade_people(self.entries, self.record.roster, self.record.policy, self.overrides)

    def people_under(self, policy: Policy) -> dict[str, PersonGrade]:
        """Everybody's grade if this were the policy."""
        for model, sheet in self.sheets.items():
            for _, rule, fix in sheet_problems(sheet or Sheet(), self.states[model], policy):
                raise ZooError(f"{model}.yaml does not fit these numbers: {rule}; {fix}")
        entries = grade_entries(self.states, self.sheets, policy)
        return grade_people(entries, self.record.roster, policy, self.overrides)

    @functools.cached_property
    def wording(self) -> Wording:
        """A line about every finding: what reviewers wrote, and what the instructor did."""
        lines: dict[str, dict[str, str]] = {}
        for model, state in self.states.items():
            sheet = self.sheets[model] or Sheet()
            lines[model] = {f"{own.id}": f"{own.title} ({own.place})" for own in sheet.findings}
            lines[model] |= self._reported(model, state)
        return lines

    def _reported(self, model: str, state: Submission) -> dict[str, str]:
        """Title and place of what reviewers reported, by key."""
        return {
            f"{handle.removeprefix('@')}/{finding.id}": f"{finding.title} ({finding.place})"
            for handle, review in state.reviews.items()
            if review.status == "revealed"
            for finding in load_review(self.record, model, handle).findings
        }

    def prepare(self) -> list[str]:
        """Write what is missing in the private directory; names of the files that changed."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        schemas = self.record.root / "templates" / "schemas"
        overrides = OVERRIDES.format(schemas=schemas)
        texts = {"people.csv": self._people(), "overrides.yaml": overrides}
        if (self.folder / "overrides.yaml").exists():
            del texts["overrides.yaml"]
        sheets = self.sheets  # a sheet that cannot be read is refused before anything is written
        for model, state in self.states.items():
            if state.v1 is None:
                continue
            path = self.folder / f"{model}.yaml"
            old = path.read_bytes().decode() if sheets[model] is not None else fresh(model, schemas)
            try:
                titles = self._reported(model, state)
                texts[path.name] = extended(old, state, self.record.policy, titles)
            except ZooError as error:
                raise ZooError(f"{path}: {error}") from None
        return [name for name, text in texts.items() if self._write(name, text)]

    def _people(self) -> str:
        """`people.csv` with a row for everybody; the rows that are there stay as they are."""
        lacking = [
            Student(person.handle)
            for person in graded_people(self.record.roster)
            if person.handle not in self.students
        ]
        path = self.folder / "people.csv"
        if not path.exists():
            return people_text(lacking)
        old = path.read_bytes().decode()
        header = next(csv.reader([old.removeprefix("\ufeff").splitlines()[0]]))
        at = [name.strip() for name in header].index("handle")
        rows = [
            ",".join([""] * at + [who.handle] + [""] * (len(header) - at - 1)) for who in lacking
        ]
        gap = "" if old.endswith("\n") or not rows else "\n"
        return old + gap + "".join(row + "\n" for row in rows)

    def _write(self, name: str, text: str) -> bool:
        """Write a private file if that changes it; whether it did."""
        path = self.folder / name
        if path.exists() and path.read_bytes() == text.encode():
            return False
        with replacing(path) as partial:
            partial.write_bytes(text.encode())
        return True

    @functools.cached_property
    def locked(self) -> list[str]:
        """What keeps grades from being released, one line each."""
        return locked_by(self.entries, self.people, self.students)

    def release(self, actor: str) -> Release:
        """Write the files of a release and record it in every ledger that is at its end.

        Raises:
            ZooError: somebody who may not, or grades that are still open.
        """
        if self.record.roster.find(actor).role != "instructor":
            raise ZooError(f"{actor} does not release grades: an instructor does")
        if self.locked:
            raise ZooError("nothing was released: settle what is listed above")
        files = release_files(self.people, self.students, self.wording, self.record.policy)
        release = publish(self.folder, files)
        over = {n: s for n, s in self.record.states().items() if s.stage in RELEASABLE}
        for model, state in over.items():
            if release.new or state.released_at is None:
                self.record.append(model, actor, GradesReleased())
        self.record.commit("Grades are released")
        return release
