"""The doctor: what stands in the way of capturing and healing here, found before it is needed.

In: a configuration, and this machine. Out: findings, each with what mends it; nothing is written anywhere. Read
`finding`, `examination` (all of them, in order), then what is looked at: `key`, `exposed` (files that others may
get at), `place` (the store's disk),
`controller` (rights, Samba, clocks), `keeping` (journal and agent), `units`. Must not import `cli`.
"""
