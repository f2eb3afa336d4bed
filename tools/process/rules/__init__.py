"""The rules and the people of a term: policy, roster, bids, and how they are read."""
