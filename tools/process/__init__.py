"""The review process: data and pure functions; the `zoo` command and the bot are shells over it.

Truth is files in git below `reviews/`: a policy, a roster, review files, and one append-only ledger
of events per entry. Everything else is computed from them: `machine.apply` turns a state and an
event into the next state or a rejection, and does nothing else.
"""
