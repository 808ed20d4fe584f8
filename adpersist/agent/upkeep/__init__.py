"""What keeps a journal alive beside the agent: bounded, in a second copy that follows it, its keys changed and kept.

In: a configuration. Out: checkpoints, and less history; the journal, or a copy of it, in another store; another key, a
recovery sheet. Read `checkpoints` and `checkpoint_thread`, `copying`, `key_change`, `escrow`, `kept_key`,
`journal_proof`.
"""
