"""Hand-written YAML: every mistake is one line with its place; schemas say what the reader says."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.documents import Form, build, read_markdown, read_text, read_yaml
from tools.schemas import FOLDER, FORMS, schema
from tools.schemas import text as schema_text
from tools.yamltext import DEPTH, LIMIT, Broken, Document, Markdown, plain
from zoo.core.errors import ZooError


@dataclass(frozen=True)
class Cage:
    """A cage."""

    width: float
    heated: bool = False


@dataclass(frozen=True)
class Animal:
    """An animal; only for these tests."""

    name: str
    legs: int
    kind: Literal["bird", "fish"]
    cage: Cage
    born: str | None = None
    foods: list[str] = field(default_factory=list)
    marks: dict[str, Cage] = field(default_factory=dict)


FORM = Form(
    Animal,
    {
        Animal: {item.name: f"{item.name}: …" for item in dataclasses.fields(Animal)},
        Cage: {"width": "width: 2.5", "heated": "heated: true"},
    },
)
GOOD = """\
# a comment
name: Ada
legs: 2
kind: bird
cage: {width: 3}
born: null
foods: [seed, "no"]
marks: {left: {width: -0.5, heated: yes}}
"""


def test_a_good_document_is_read_with_its_types() -> None:
    animal, document = read_yaml(FORM, GOOD, "animal.yaml")
    assert animal == Animal(
        "Ada", 2, "bird", Cage(3.0), None, ["seed", "no"], {"left": Cage(-0.5, True)}
    )
    assert type(animal.cage.width) is float
    assert document.find(("cage", "width"))[1] == 5
    assert document.problem(("foods", 1), "a", "b").line == 7
    assert document.problem(("foods", 9), "a", "b").key == "foods[9]"


MISTAKES = [  # old, new, line, rule, fix
    ("legs: 2\n", "", 2, "the key 'legs' is missing", "add legs: …"),
    ("{width: 3}", "{}", 5, "the key 'cage.width' is missing", "add width: 2.5"),
    ("legs", "leg", 2, "the key 'legs' is missing", "add legs: …"),
    ("kind: bird", "kind: bird\nknd: 1", 5, "unknown key 'knd'", "did you mean 'kind'?"),
    ("legs: 2", "legs: 2.0", 3, "'legs' is a number, not a whole number", "write legs: …"),
    ("legs: 2", "legs: 1:30", 3, "'legs' is 1:30, not a plain decimal number", "legs: …"),
    ("legs: 2", "legs: 010", 3, "'legs' is 010, not a plain decimal number", "legs: …"),
    ("legs: 2", "legs: 0x2", 3, "'legs' is 0x2, not a plain decimal number", "legs: …"),
    ("legs: 2", "legs: " + "9" * 5000, 3, "not a plain decimal number", "write legs"),
    ("legs: 2", "legs: true", 3, "'legs' is true or false, not a whole number", "legs: …"),
    ("legs: 2", "legs:", 3, "'legs' is nothing, not a whole number", "legs: …"),
    ("width: 3", "width: .nan", 5, "'cage.width' is .nan, not a plain decimal", "width: 2.5"),
    ("width: 3", "width: 1.0e+999", 5, "is 1.0e+999, not a plain decimal", "width: 2.5"),
    ("width: 3", "width: 2e4", 5, "YAML reads 2e4 as text", "write 2.0e+4"),
    ("kind: bird", "kind: bee", 4, "unknown kind 'bee'", "use one of bird, fish"),
    ("kind: bird", "kind: [bird]", 4, "'kind' is a list, not text", "kind: …"),
    ("{width: 3}", "wide", 5, "'cage' is text, not a mapping", "cage: …"),
    ("[seed, ", "[seed, 3, ", 7, "'foods[1]' is a number, not text", 'quote it: "3"'),
    ("born: null", "born: 2020-99-99", 6, "an unquoted 2020-99-99 as a date", "quote it"),
    ("heated: yes", 'heated: "yes"', 8, "'marks.left.heated' is text, not true", "heated: true"),
    ("kind: bird", "kind: {}", 4, "'kind' is a mapping, not text", "kind: …"),
    ("name: Ada", "name: <<", 1, None, None),  # "<<" and "=" are text
    ("name: Ada", "name: =", 1, None, None),
]


@pytest.mark.parametrize(("old", "new", "line", "rule", "fix"), MISTAKES)
def test_a_mistake_has_its_line_rule_and_fix(old, new, line, rule, fix) -> None:
    assert GOOD.count(old) == 1
    text = GOOD.replace(old, new)
    if rule is None:
        assert build(FORM, Document(text))[1] == []
        return
    with pytest.raises(ZooError) as caught:
        read_yaml(FORM, text, "animal.yaml")
    message = str(caught.value)
    assert message.startswith(f"animal.yaml:{line}: ")
    assert rule in message
    assert fix in message
    assert "\n" not in message
    assert len(message) < 250


UNREADABLE = [  # text, line, rule
    ("", 1, "there is no YAML"),
    ("# only a comment\n", 1, "there is no YAML"),
    ("just text\n", 1, "not a mapping"),
    ("- 1\n", 1, "not a mapping"),
    ("a: 1\n\tb: 2\n", 2, "indented with a tab; indent with spaces"),
    ("a:\n  b: 1\n  \tc: 1\n", 3, "indented with a tab"),
    ("a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n", 2, "git left two versions here"),
    ("a: |\n  x\n\n<<<<<<< HEAD\n>>>>>>> x\n", 4, "git left two versions here"),
    ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' occurs twice"),
    ("a: 1\nb: {c: 1,\n  c: 2}\n", 3, "the key 'c' occurs twice"),
    ("a: &x [1]\nb: *x\n", 2, "no aliases"),
    ("a: &x {b: 1}\nb:\n  <<: *x\n", 3, "no aliases"),
    ("a: 1\nb: !!python/name:os.system\n", 2, "the tag 'tag:yaml.org,2002:python/name:os.system'"),
    ("a: !thing 1\n", 1, "the tag '!thing'"),
    ("a: 1\n? [b]\n: 2\n", 2, "a key is one word"),
    ("a: 1\n---\nb: 1\n", 2, "a second YAML document"),
    ("a: b: c\n", 1, "not valid YAML"),
    ("a: 1\nb: [1,\nc: 2\n", 3, "that begins in line 2"),
    ('a: 1\nb: "x\nc: 2\n', 3, "that begins in line 2"),
    ("a: 1\nb: \x00\n", 2, "the invisible character U+0000"),
    ("a: 1\nb: x\u2028y\n", 2, "the invisible character U+2028"),
    ("a: " + "[" * 100_000, 1, "more than 8 levels of nesting"),
    ("a: 1\n" + "b: x\n" * 300_000, 1, "1.4 MiB is too long: the limit is 1 MiB"),
]


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])  # with and without libyaml
@pytest.mark.parametrize(("text", "line", "rule"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_cannot_be_read_is_one_line(
    text: str, line: int, rule: str, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(yaml, loader):
        pytest.skip("no libyaml here")
    monkeypatch.setattr("tools.yamltext._LOADER", getattr(yaml, loader))
    with pytest.raises(ZooError) as caught:
        read_yaml(FORM, text, "animal.yaml")
    assert str(caught.value).startswith(f"animal.yaml:{line}: ")
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_yaml_bomb_is_refused_at_its_first_alias() -> None:
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    with pytest.raises(Broken) as caught:
        Document("\n".join(["a0: &a0 [x]", *rows]))
    assert caught.value.problem.line == 2


@pytest.mark.parametrize("change", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n")])
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(change) -> None:
    assert read_yaml(FORM, change(GOOD), "a")[0] == read_yaml(FORM, GOOD, "a")[0]
    front = change(f"---\n{GOOD}---\nProse\n")
    animal, document = read_markdown(FORM, front, "a")
    assert animal.name == "Ada"
    assert (document.prose, document.prose_line) == ("Prose\n", 11)
    with pytest.raises(ZooError, match=r"^a:5: unknown kind"):
        read_markdown(FORM, front.replace("bird", "bee"), "a")


def test_a_block_of_a_larger_file_counts_the_lines_of_that_file() -> None:
    with pytest.raises(ZooError, match=r"^review.md:103: unknown kind"):
        read_yaml(FORM, GOOD.replace("bird", "bee"), "review.md", line=100)
    with pytest.raises(ZooError, match=r"^review.md:101: .* tab"):
        read_yaml(FORM, "a:\n\tb: 1\n", "review.md", line=100)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: \xff\n", r":2: not UTF-8; save the file as UTF-8$"),
        (b"x" * (10 * LIMIT), r":1: 10\.0 MiB is too long: the limit is 1 MiB; "),
        (None, r" is missing$"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "animal.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ZooError, match=message):
        read_text(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=r"cannot be read: Is a directory$"):
        read_text(tmp_path)


yamlish = st.text(st.sampled_from("ab:-#?!&*|>'\"[]{}, \n\t%@`\x00\x85é1.0~=<"), max_size=60)


@settings(max_examples=400, deadline=None)
@given(yamlish)
def test_any_text_is_read_or_refused_with_a_line_that_exists(text: str) -> None:
    for front in (text, f"---\nname: a\n{text}\n---\n"):
        try:
            document = Document(front) if front is text else Markdown(front)
        except Broken as broken:
            line = broken.problem.line
        else:
            animal, problems = build(FORM, document)
            assert (animal is None) == bool(problems)
            json.dumps(document.data)
            line = max([problem.line for problem in problems], default=1)
        assert 1 <= line <= front.count("\n") + 1


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text("ab:#-é 1", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=10,
)


def depth(data: object) -> int:
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text("xyz", min_size=1), trees, min_size=1, max_size=4))
def test_json_is_read_as_it_is(data: dict) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=1)
    if depth(data) > DEPTH:
        with pytest.raises(Broken, match="levels of nesting"):
            Document(text)
    else:
        assert plain(Document(text).node) == data


@pytest.mark.parametrize("name", FORMS)
def test_the_schemas_for_editors_are_current(name: str) -> None:
    stored = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")
    assert stored == schema_text(FORMS[name]), "write it again: python -m tools.schemas"
    jsonschema.Draft202012Validator.check_schema(json.loads(stored))


def test_every_schema_file_has_a_form() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.schema.json" for name in FORMS}


@pytest.mark.parametrize("name", FORMS)
def test_every_key_of_a_form_has_an_example_and_no_example_is_left_over(name: str) -> None:
    form, seen, left = FORMS[name], set(), [FORMS[name].cls]
    while left:
        cls = left.pop()
        seen.add(cls)
        examples = form.examples[cls]
        assert set(examples) == {item.name for item in dataclasses.fields(cls)}
        assert all(text.startswith(f"{key}: ") for key, text in examples.items())
        hints = list(typing.get_type_hints(cls).values())
        while hints:
            hint = hints.pop()
            hints += typing.get_args(hint)
            if dataclasses.is_dataclass(hint) and hint not in seen:
                left.append(hint)
    assert set(form.examples) == seen


@pytest.mark.parametrize(("old", "new", "line", "rule", "fix"), MISTAKES)
def test_the_schema_judges_as_the_reader_does(old, new, line, rule, fix) -> None:
    validator = jsonschema.Draft202012Validator(schema(FORM))
    assert validator.is_valid(Document(GOOD).data)
    if rule is None or ".0" in new or "date" in rule:  # to JSON 2.0 is 2, and a date text
        return
    assert not validator.is_valid(Document(GOOD.replace(old, new)).data)


def test_reading_imports_no_workflow_package() -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from tools.process.rules.config import load_policy, load_roster\n"
        "load_policy(Path('reviews/policy.yaml')); load_roster(Path('reviews/roster.yaml'))\n"
        "heavy = {'torch', 'pydantic', 'numpy', 'jsonschema', 'scipy'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    root = FOLDER.parents[1]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
