"""The forms of `reviews/policy.yaml`, `roster.yaml` and `bids.yaml`: an example for every key."""

from __future__ import annotations

from dataclasses import dataclass

from tools.documents import Form
from tools.process.rules.policy import (
    Allowed,
    Charge,
    Deadlines,
    GroupSize,
    LatePolicy,
    MutationPolicy,
    Policy,
    Publication,
    ReviewPolicy,
    ReviewWeights,
    Rubric,
    RubricItem,
    Severities,
    Weights,
)
from tools.process.rules.roster import Bid, Person

_CHARGE = "{developers: 10, reviewers: 5}, in percentage points"
_ITEMS = "a list with id, question and points"


@dataclass(frozen=True)
class RosterFile:
    """The people of a term: `reviews/roster.yaml`. No e-mail addresses, names only by consent."""

    people: list[Person]


@dataclass(frozen=True)
class BidsFile:
    """What people would like to review: `reviews/bids.yaml`, by handle."""

    bids: dict[str, Bid]


POLICY = Form(
    Policy,
    {
        Policy: {
            "time_zone": "time_zone: Europe/Berlin",
            "rubric": "rubric: with v1, v2 and review, as in templates/policy.yaml",
            "severities": "severities: with blocker, major, minor and nit, as in "
            "templates/policy.yaml",
            "deadlines": 'deadlines: {proposal: "2026-10-19 23:59", v1: null, v2: null}',
            "review": "review: {reviewers_per_entry: 2, reviews_per_person: 3}",
            "group_size": "group_size: {min: 1, max: 3}",
            "late": "late: {grace_hours: 24, penalty: 0.25}",
            "weights": "weights: {v1: 0.4, v2: 0.3, review: 0.3}",
            "review_weights": "review_weights: {quality: 0.4, recall: 0.3, precision: 0.2, "
            "timeliness: 0.1}",
            "revision_days": "revision_days: 7",
            "sign_off_days": "sign_off_days: 7",
            "regrade_days": "regrade_days: 14",
            "submission_checks": "submission_checks: full, or static where nothing may run",
            "mutation": "mutation: {required: 0.9}, the share of seeded faults that tests notice",
            "publication": "publication: {repository: owner/name, reviews: full}",
        },
        MutationPolicy: {"required": "required: 0.9, or 0 where none is asked for"},
        Publication: {
            "repository": "repository: owner/name, on GitHub, or null",
            "site": "site: https://owner.github.io/name, or null",
            "reviews": "reviews: full, or summary for findings and answers without their texts",
            "student_id": "student_id: 's[0-9]{7}', a regular expression, or null",
            "allow": 'allow: [{text: "1234567", reason: "a seed, no student number"}]',
        },
        Allowed: {
            "text": 'text: "1234567", exactly what the gate found',
            "reason": 'reason: "a seed, no student number"',
        },
        Deadlines: {
            "proposal": 'proposal: "2026-10-19 23:59", in course time, or null',
            "v1": 'v1: "2026-11-23 23:59", in course time, or null',
            "v2": 'v2: "2026-12-21 23:59", in course time, or null',
        },
        ReviewPolicy: {
            "reviewers_per_entry": "reviewers_per_entry: 2",
            "reviews_per_person": "reviews_per_person: 3, at most",
            "window_hours": "window_hours: 168, which is seven full days",
            "only_submitters": "only_submitters: true, or false if all people may review",
            "practice_recall": "practice_recall: 0.6, or 0 where no practice is asked for",
        },
        GroupSize: {"min": "min: 1", "max": "max: 3"},
        LatePolicy: {
            "grace_hours": "grace_hours: 24, after which the work is closed",
            "penalty": "penalty: 0.25, the share that late work loses",
        },
        Weights: {"v1": "v1: 0.4", "v2": "v2: 0.3", "review": "review: 0.3"},
        ReviewWeights: {
            "quality": "quality: 0.4",
            "recall": "recall: 0.3",
            "precision": "precision: 0.2",
            "timeliness": "timeliness: 0.1",
        },
        Rubric: {"v1": f"v1: {_ITEMS}", "v2": f"v2: {_ITEMS}", "review": f"review: {_ITEMS}"},
        RubricItem: {
            "id": "id: mathematics",
            "question": "question: Does the objective agree with the paper, term by term?",
            "points": "points: 25",
        },
        Severities: {
            "blocker": f"blocker: {_CHARGE}",
            "major": f"major: {_CHARGE}",
            "minor": f"minor: {_CHARGE}",
            "nit": f"nit: {_CHARGE}",
        },
        Charge: {
            "developers": "developers: 10, percentage points per finding",
            "reviewers": "reviewers: 5, percentage points for who missed it",
        },
    },
)

ROSTER = Form(
    RosterFile,
    {
        RosterFile: {"people": 'people: a list of {handle: "@handle", role: developer}'},
        Person: {
            "handle": 'handle: "@handle", the GitHub account or a group account',
            "role": "role: developer, reviewer or instructor",
            "github_id": "github_id: 583231, the account's number, or null",
            "team": "team: red, or null for who works alone or does not develop",
            "conflicts": 'conflicts: ["@handle"], or [] for none',
            "consent": "consent: handle, under which published code and reviews show this person;"
            " or name, anonymous, none",
            "name": 'name: "Ada L.", only with consent: name',
            "active": "active: true, or false for people of earlier terms",
        },
    },
)

BIDS = Form(
    BidsFile,
    {
        BidsFile: {"bids": 'bids: {"@handle": {wants: [vae], avoids: [], families: [flow]}}'},
        Bid: {
            "wants": "wants: [vae], entries to review gladly",
            "avoids": "avoids: [ddpm], entries rather not to review",
            "families": "families: [flow], families of models that one knows",
        },
    },
)
