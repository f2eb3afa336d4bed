"""Publication: the zoo that readers see.

site/      the static site: gallery, a page per entry, comparison, lessons
play/      models that run in the reader's browser
release/   the clean repository for the public, with its gate

`people.py` says under which name anybody appears, `standing.py` whether an entry may be published.
"""
