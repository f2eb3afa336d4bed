"""Under which name people appear."""

from __future__ import annotations

import pytest

from tools.process.rules.roster import Person, Roster
from tools.publish.people import People, people_of

ROSTER = Roster(
    {
        person.handle.lower(): person
        for person in (
            Person("@Dev-One", "developer", consent="handle"),
            Person("@dev-two", "developer", consent="anonymous"),
            Person("@max", "developer", consent="anonymous"),
            Person("@ada", "developer", consent="name", name="Ada L."),
            Person("@rev-one", "reviewer"),
        )
    }
)
PEOPLE = People(
    ROSTER, {"@dev-two": "anonymous-1", "@max": "anonymous-2", "@rev-one": "anonymous-3"}
)


def test_everybody_appears_as_they_consent() -> None:
    handles = ("@Dev-One", "@DEV-two", "dev-two", "@ada", "@rev-one", "@stranger")
    shown = ["@Dev-One", "anonymous-1", "anonymous-1", "Ada L.", "anonymous-3", "@stranger"]
    assert [PEOPLE.shown(handle) for handle in handles] == shown
    kept = ["@Dev-One", "@anonymous-1", "@anonymous-1", "@ada", "@anonymous-3", "@stranger"]
    assert [PEOPLE.handle(handle) for handle in handles] == kept


@pytest.mark.parametrize(
    ("text", "page", "file"),
    [
        ("by @Dev-Two.", "by anonymous-1.", "by @anonymous-1."),
        ("dev-two/F01, DEV-TWO/F02", "anonymous-1/F01, anonymous-1/F02", None),
        ("v1/dev-two.md and max.md", "v1/anonymous-1.md and anonymous-2.md", None),
        ("review by dev-two-", "review by anonymous-1-", None),
        ("_dev-two_", "_anonymous-1_", None),
        ("max/F01 on max pooling", "anonymous-2/F01 on max pooling", None),
        ("@max, max(x), @maxim", "anonymous-2, max(x), @maxim", "@anonymous-2, max(x), @maxim"),
        ("dev-two-x @dev-twos adev-two x-dev-two", "dev-two-x @dev-twos adev-two x-dev-two", None),
        ("thanks @ada, ada", "thanks Ada L., ada", "thanks @ada, ada"),
    ],
)
def test_texts_name_nobody_against_their_will(text: str, page: str, file: str | None) -> None:
    assert PEOPLE.text(text) == page
    assert PEOPLE.file(text) == (file or page)


def test_a_word_that_may_be_a_handle_is_left_and_found() -> None:
    found = PEOPLE.leftover(PEOPLE.file("dev-two: @max says max pooling"))
    assert found is not None
    assert found.start() == len("anonymous-1: @anonymous-2 says ")
    assert PEOPLE.leftover("maximum") is None
    assert people_of(Roster({}), "").text("@anybody") == "@anybody"


def test_the_order_of_pseudonyms_follows_from_handles_and_commit() -> None:
    handles = [f"@dev-{number}" for number in range(8)]
    roster = Roster({who: Person(who, "developer", consent="anonymous") for who in handles})
    orders = {tuple(people_of(roster, commit).pseudonyms) for commit in "abcdef"}
    assert len(orders) == 6
    assert all(sorted(order) == handles for order in orders)
    turned = Roster(dict(reversed(roster.people.items())))
    assert people_of(turned, "a").pseudonyms == people_of(roster, "a").pseudonyms
    assert people_of(ROSTER, "a").pseudonyms.keys() == {"@dev-two", "@max", "@rev-one"}
