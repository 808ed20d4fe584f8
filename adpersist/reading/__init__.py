"""The journal for people: which object they mean, what happened to it, values as text, LDIF; and many journals.

In: states and an open journal. Out: text and documents; a secret only where it was asked for. Read `find`, `history`,
`ldif`, `view` and `folded` (what can be asked of a point, and of a journal), `sought` (which commits somebody wants),
`fleet` (all journals of a store, by their heads); of files `file_events`, `file_archive`. Folders: `past` (the whole
journal in memory, for those who show a lot of it), `index` (the answers of both, looked up on this disk), `policies`
(group policies: containers and files), `text` (values as people read them). Must not import `directory` but for wire
constants.
"""
