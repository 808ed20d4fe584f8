"""The embedded store: one journal in one SQLite file, WAL and synchronous=FULL.

Read `store` (the adapter), `file` (opening, and whose file it is), `schema`, `errors` (SQLite's words in
ours), then what a full disk takes: `reserve` (room to delete with) and `shrinking` (giving room back); and what is left
of a damaged file: `salvage`, and `rows` below it.
"""
