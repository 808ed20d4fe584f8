"""Bringing a DC to what is wanted, until it is that or nothing more can be done.

In: a connected DC and what it is to be. Out: an outcome, with what still differs. Read `convergence` (the story: look,
plan, apply, look again), `partial_steps` (what can be done of a step that is refused), `removed_links` (what only
replication remembers).
"""
