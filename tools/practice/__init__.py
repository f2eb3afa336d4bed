"""The bug museum: entries of the zoo with known faults, for reviewers to practise on."""
