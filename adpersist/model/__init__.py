"""Frozen values every room speaks in; pure, no I/O.

In: nothing. Out: identifiers, references, object states, changes, positions, heads, plan steps.
Must not import: any other room but ``errors``.
"""
