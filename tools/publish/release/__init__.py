"""The public repository: a gate that stops what is private, and a reproducible export."""
