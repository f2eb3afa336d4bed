"""A review: its file, its linter, the re-execution behind it, and how it stays sealed."""
