"""Changes and states <-> durable, sealed, chained commits.

In: changes, positions, states, a :class:`~adpersist.stores.port.Store`, a key. Out: verified commits and states.
Read `journal` (what everybody else sees; what is read of it: `history`), `drafts` (what a commit does to the head),
`appender` and `settlement` (two writers cannot both win), `append_queue`, `reader`, `file_history`, `points`,
`timelines`, `holder`, `spare_head`.
Folders: `drafts`, `format` (bytes, with FORMAT.md), `keys`, `upkeep`. Must not import `directory`, `state` or what is
above them.
"""
