"""A journal of a year, measured: `tools/bench year`.

`filling` writes it as an agent would: looks of all sizes through :class:`~adpersist.journal.journal.Journal`, with the
agent's own policy for checkpoints. `measures` asks of it what people and agents ask, each in a process of its own, so
that its memory is told.
"""
