"""Changes and states <-> durable, sealed, chained commits.

In: changes, positions, states, a :class:`~adpersist.stores.port.Store`, a key. Out: verified commits and states.
Read `journal` (what everybody else sees; what is read of it: `history`), `reader`, `file_history`, `points`,
`timelines`, `holder`.
Folders: `drafts` (what a commit does to the head), `appending` (two writers cannot both win), `format` (bytes, with
FORMAT.md), `keys`, `upkeep`. Must not import `directory`, `state` or what is
above them.
"""
