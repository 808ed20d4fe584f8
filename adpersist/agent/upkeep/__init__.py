"""What keeps a journal alive beside the agent: a second copy that follows it, and copies of its key.

In: a configuration. Out: a copy in another store, a recovery sheet. Read `copying`, `escrow`.
"""
