"""People on a GitHub in memory, over a real bare repository and real clones."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from tools.github.port import Pull
from tools.github.setup import PROPOSAL
from tools.github.tests.fake import FakeGitHub
from tools.github.tests.scenes import ENTRY, IDS, PERMISSIONS
from tools.github.tests.test_proposing import FORM, body
from tools.process.git import git
from tools.process.record import Record
from tools.process.response.answering import open_findings
from tools.process.response.responsefile import response_template
from tools.process.tests.conftest import ROSTER, Term
from tools.process.tests.revision import MODEL, review

WHEN = "2026-09-30T00:00:00Z"
DATES = {"GIT_AUTHOR_DATE": WHEN, "GIT_COMMITTER_DATE": WHEN}  # commits are the same in every run
PEOPLE = IDS | {"stranger": 901}
INLINE = """\
**[minor][code]** A number of its own

**Expected.** The paper has another number in equation 3.

**Observed.** In the code there is instead `line 9`.

**Suggestion.** Change the number.
"""


def with_people(term: Term) -> None:
    """Give the people of a term their accounts, in a first commit that is always the same."""
    roster = ROSTER
    for login, number in IDS.items():
        known = f'"@{login}", github_id: {number}, consent: handle, '
        roster = roster.replace(f'"@{login}", ', known)
    (term.root / "reviews/roster.yaml").write_text(roster, encoding="utf-8")
    (term.root / "LICENSE").write_text("MIT\n", encoding="utf-8")
    git(term.root, "add", "LICENSE")
    git(term.root, "commit", "--quiet", "--all", "--amend", "-m", "A term", "--date", WHEN, **DATES)


class MergingGitHub(FakeGitHub):
    """A GitHub that merges in the bare repository, too."""

    remote: Path

    def merge(self, number: int, sha: str, title: str) -> None:
        """Merge in both."""
        super().merge(number, sha, title)
        tree = git(self.remote, "merge-tree", "--write-tree", "main", sha)
        made = git(self.remote, "commit-tree", tree, "-p", "main", "-p", sha, "-m", title)
        git(self.remote, "update-ref", "refs/heads/main", made)


class Village:
    """What people other than the bot do.

    Attributes:
        github: its issues, pull requests and comments.
        remote: the bare repository.
        places: numbers of issues and pull requests by name, "toy.pull" for example.
        commits: the first commit of each pull request, by name.
    """

    def __init__(self, term: Term, folder: Path) -> None:
        self.folder, self.remote = folder, folder / "remote.git"
        git(folder, "clone", "--quiet", "--bare", str(term.root), str(self.remote))
        self.base = git(self.remote, "rev-parse", "main")
        self.github = MergingGitHub()
        self.github.remote = self.remote
        for login, number in PEOPLE.items():
            self.github.add_user(login, PERMISSIONS.get(login, "read"), user_id=number)
        self.places: dict[str, int] = {}
        self.commits: dict[str, str] = {}

    def clone(self) -> Path:
        """A clone of one's own."""
        path = Path(tempfile.mkdtemp(dir=self.folder))
        git(path, "clone", "--quiet", str(self.remote), ".")
        return path

    def proposes(self, login: str, model: str, paper: str) -> None:
        """The form of a proposal is sent."""
        answers = asdict(FORM) | {"entry": model, "title": model, "paper": paper}
        author = self.github.users[login]
        issue = self.github.add_issue(author, model, body(**answers), [PROPOSAL[0]])
        self.places[f"{model}.issue"] = issue.number

    def opens(self, login: str, model: str) -> None:
        """Version 1 is in a pull request."""
        files = {path.replace("toy", model): text for path, text in ENTRY.items()}
        self._pull(f"{model}.pull", login, files)

    def revises(self, model: str) -> None:
        """Version 2 and the response are pushed."""
        place, root = f"{model}.pull", self.clone()
        record = Record(root)
        git(root, "fetch", "--quiet", "origin", self.commits[place])
        state = record.state(model)
        text = response_template(state, open_findings(record, state))
        shutil.rmtree(root)
        filled = {
            "ai_use: TODO": "ai_use: none",
            "TODO: the reason": "Equation 3 has it so.",
            "answer: TODO": "answer: disputed",
        }
        for todo, said in filled.items():
            text = text.replace(todo, said)
        files = {
            f"zoo/{model}/model.py": MODEL.replace("line 20", "line twenty"),
            f"reviews/{model}/v2/response.md": text,
        }
        sha = self._commit(files, self.commits[place], self.places[place])
        self.github.push(self._head(place).head_branch, files, sha=sha)
        self.github.add_check(sha, "Verdict", "success")

    def reviews(self, login: str, model: str) -> None:
        """A review is put into a pull request of its own."""
        text = {f"reviews/{model}/v1/{login}.md": self._review(login, model)}
        self._pull(f"{model}.{login}", login, text)

    def comments_on_lines(self, login: str, model: str) -> None:
        """A review is written in GitHub's own interface: a form, and a comment on a line."""
        number, author = self.places[f"{model}.pull"], self.github.users[login]
        self.github.say_inline(number, author, INLINE, f"zoo/{model}/model.py", 9, 9)
        self.github.say_review(number, author, self._review(login, model).partition("## F01")[0])

    def _review(self, login: str, model: str) -> str:
        text = review(self.commits[f"{model}.pull"])
        text = text.replace("The line says", "In the code there is instead")
        return text.replace("toy", model).replace("@rev-one", f"@{login}")

    def _head(self, place: str) -> Pull:
        return self.github.pull_table[self.places[place]]

    def _pull(self, place: str, login: str, files: Mapping[str, str]) -> None:
        number = max(self.github.issue_table, default=0) + 1
        sha = self._commit(files, self.base, number)
        pull = self.github.add_pull(self.github.users[login], files, sha=sha)
        self.github.add_check(sha, "Verdict", "success")
        assert pull.number == number
        self.places[place], self.commits[place] = number, sha

    def _commit(self, files: Mapping[str, str], parent: str, number: int) -> str:
        """A commit of these files as the head of a pull request."""
        remote, index = self.remote, {"GIT_INDEX_FILE": str(self.folder / "index")}
        git(remote, "read-tree", parent, **index)
        for path, text in files.items():
            blob = git(remote, "hash-object", "-w", "--stdin", stdin=text.encode())
            git(remote, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", **index)
        tree = git(remote, "write-tree", **index)
        made = git(remote, "commit-tree", tree, "-p", parent, "-m", "Files", **DATES)
        git(remote, "update-ref", f"refs/pull/{number}/head", made)
        return made
