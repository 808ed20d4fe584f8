"""What keeps a journal alive beside the agent: a second copy that follows it, and copies of its key.

In: a configuration. Out: the journal, or a copy of it, in another store; a recovery sheet. Read `copying`, `escrow`.
"""
