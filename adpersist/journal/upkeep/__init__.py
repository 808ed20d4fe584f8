"""Keeping a journal sound and small: checkpoints, what may go, proving it, what of a damaged one can be restored.

In: a store and its open head. Out: checkpoints, a shorter journal, a report, a copy, the journal in another store. Read
`retention` and `restorable` (pure), `checkpoints`, `frame_scan`, `check`, `repair`, `copy`, `move`.
"""
