"""The journal for people: which object they mean, what happened to it, values as text, LDIF; and many journals.

In: states and an open journal. Out: text and documents; a secret only where it was asked for. Read `find`, `history`,
`value_text` (with `time_text` and `flag_names`), `ldif`, `fleet` (all journals of a store, by their heads); of files
`file_text`, `file_events`, `file_archive`; then `past` and `entry_text`, the whole journal in memory without secrets,
for those who show a lot of it. Must not import `directory` but for wire constants.
"""
