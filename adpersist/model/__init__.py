"""Frozen values every room speaks in. Pure.

In: nothing. Out: values. Read the folders in this order: `identity` (what an object is known by), `objects` (what it
is, and what happened to it), `files` (what lies beside the directory), `plan` (what is to be done), `journal` (what the
journal says of itself).
Must not import any other room but `errors`.
"""
