"""Group policies: each is a container in the directory and a folder of SYSVOL, of which its tools write one first.

In: the directory and the files as the journal has them. Out: whose files lie where, and which policies are half at a
commit. Read `places`, `folders` and `halves` (pure), then `along` (commit by commit).
"""
