"""The running DC's own database, through Samba's own Python in a process of its own.

In: the path of sam.ldb. Out: writes in transactions, and what no LDAP search shows: the stamps of links.
Read `database` (our end), `database_worker` (run by the system's interpreter, imports nothing of adpersist),
`link_stamps`.
"""
