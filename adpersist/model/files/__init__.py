"""What a DC keeps outside its directory: SYSVOL's files, and the entries of its local databases. Pure.

Read `file_state`, then `file_changes`.
"""
