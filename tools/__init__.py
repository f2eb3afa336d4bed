"""The `zoo` command, the checks and the review process."""
