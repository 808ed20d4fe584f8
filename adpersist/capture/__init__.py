"""From the feed to the journal: look, tell what is new, prove the lineage, commit.

In: a connected DC, its files, and an open journal. Out: commits. Read `capture`, then `look`, then `file_capture`.
"""
