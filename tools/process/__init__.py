"""The review process: data and pure functions; the `zoo` command and the bot are shells over it.

Truth is files in git below `reviews/`: a policy, a roster, review files, and one append-only ledger
of events per entry. Everything else is computed from them: `ledger.machine.apply` turns a state and
an event into the next state or a rejection, and does nothing else.

- `rules`: policy and people. `ledger`: events, states, the state machine, the file.
- `record`: a clone's rules and ledgers together, and the one way to add to them.
- `review`, `response`, `assignment`, `grading`: what reviewers, developers and instructors write.
- `obligations`, `board`, `history`: who owes what, where all stands, what happened.
- `fsck`, `projections`: whether the record is whole, and what is written again from it.
- `simulation`: a whole term, rehearsed.
"""
