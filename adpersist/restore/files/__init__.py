"""SYSVOL and the local databases on their way back, beside the directory.

In: files as the journal has them, and those that lie here. Out: files put back and proven, or what is left and why.
Read `files_back` (a whole restore's), `files_left` (what could not be, and the next run's), `some_files` (by path),
`policy_files` (those of the policies in a restore's scope), `stale_policies` (containers and files of two versions).
"""
