"""Mutation of entries: would the tests notice if the mathematics were wrong?

The mechanics are `ast` with the positions of its nodes, edited as text: cosmic-ray writes every
mutant over the working tree and starts a process for each, mutmut fixes its operators and copies
the project, and both import torch anew or know nothing of conformance laws; an edit of one span
needs no concrete syntax tree, and planted in a forked process it never touches the disk. The
operators, which are the point, are ours: `tools.mutation.operators`.
"""
