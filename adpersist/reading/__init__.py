"""The journal for people: which object they mean, what happened to it, values as text, LDIF.

In: states and an open journal. Out: text and documents; a secret only where it was asked for. Read `find`, `history`,
`value_text` (with `time_text` and `flag_names`), `file_text`, `ldif`. Must not import `directory` but for wire
constants.
"""
