"""The running DC's own database, through Samba's own Python in a process of its own.

In: the path of sam.ldb. Out: writes in transactions, and what no LDAP search shows: the stamps of links.
Read `database` (our end) and `database_worker` (run by the system's interpreter, imports nothing of adpersist), then
`stamp_reader` and `stamp_worker`, which read the files beside Samba and write nothing; `own_database` finds them.
"""
