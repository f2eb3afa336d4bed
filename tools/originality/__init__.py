"""Originality: what code of an entry stands elsewhere too, under whatever disguise.

`normalise` turns source into statements of tokens that say what the code does and not how it is
written; `fingerprints` hashes and winnows them, unit by unit; `index` remembers the fingerprints of
everything ever compared; `compare` finds the documents that share rare ones and measures how much,
less what a card acknowledges; `passages` and `report` show it side by side. All of it is advice to
the instructor and lies in the private directory. `calibration.md` says how far to trust it.
"""
