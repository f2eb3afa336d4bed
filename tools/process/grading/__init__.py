"""Grades: exact, derived from findings, and explained down to the last lost point.

`sheets` holds what the instructor writes, in a private directory outside the repository; `charges`
derives what each finding costs; `grades` adds up; `lock` says what is still open; `explain` writes
the arithmetic out; `release` hands everything out. Only `private` and `release` touch files.
"""
