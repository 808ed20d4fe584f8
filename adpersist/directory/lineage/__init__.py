"""Is this the DC the journal was taken from? Evidence out of the database itself, and the verdict.

In: the journal's head and a session. Out: a :class:`~adpersist.model.journal.lineage.Lineage`; only `same` captures.
Read `evidence` (one round trip), `canary` (what the directory remembers), `witnesses` (captured writes, looked up
again), `verdict` (pure); `partners` and `rid_set` tell of the domain's other DCs and of RIDs given out.
"""
