"""Commands of the command line, as they are said in comments."""

from __future__ import annotations

import pytest

from tools.github.speech import SPOKEN, spoken
from tools.github.verbs import names


@pytest.mark.parametrize(
    ("said", "meant"),
    {
        "write the review (zoo review start toy) and file it": "the review (/zoo scaffold) and",
        "zoo verify-fix, or wait until": "/zoo verify, or wait until",
        "until the instructor says zoo unhold": "until the instructor says /zoo unhold",
        "toy lacks a reviewer: zoo assign finds one": "/zoo assign finds one",
        "`zoo review lint toy` says what": "`/zoo lint` says what",
        "zoo respond toy adds its section": "/zoo respond adds its section",
        "zoo respond toys": "/zoo respond toys",
        "say /zoo respond first": "say /zoo respond first",
        "see zoo history toy": "see /zoo status",
        # For a terminal only.
        "zoo review reveal toy": "zoo review reveal toy",
        "zoo review start --no-verify": "zoo review start --no-verify",
        "zoo accept-all": "zoo accept-all",
        "zoo fsck": "zoo fsck",
    }.items(),
)
def test_said_in_a_comment(said: str, meant: str) -> None:
    assert meant in spoken(said, "toy")


def test_only_verbs_of_the_table_are_said() -> None:
    assert set(SPOKEN.values()) <= set(names())
