"""Bringing a DC to what is wanted, until it is that or nothing more can be done.

In: a connected DC and what it is to be. Out: an outcome, with what still differs. Read `convergence` (the story: look,
receive, plan, apply, look again, prove), then its parts in that order: `looks` with `noted_writes` (what others wrote)
gives a `comparison`, the one value that all others take; `as_replica`, `planning`, `applying` with `partial_steps`,
`restamping`, `remaining` with `removed_links`. No part knows of the story.
"""
