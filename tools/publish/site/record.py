"""The public review record of an entry."""

from tools.publish.site.outcomes import record_path, summary

__all__ = ["record_path", "summary"]
