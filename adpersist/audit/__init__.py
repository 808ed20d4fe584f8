"""Who wrote what, from the JSON audit log that Samba keeps when it is told to (`dsdb_json_audit:5@FILE`).

In: the log, which lies on the DC's disk, rotates, and goes back with the machine. Out: writes that were carried out,
and from when on none of them is missing. Read `rows` (bytes -> lines), `following` (the agent's: as the log grows, for
what is sealed with the changes), then `log` (a whole one, asked for a write). Values in the log are dropped as it is
read: it hides passwords, and not every other secret. Must not import the directory, the journal or the stores.
"""
