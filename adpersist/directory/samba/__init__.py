"""The running DC's own database, through Samba's own Python in a process of its own.

In: the path of sam.ldb. Out: writes in transactions, and what no LDAP search shows: the stamps of links.
Read `worker_process` (our end of any worker) and `worker_frames` (its own), then `database` and `database_worker`,
which writes by Samba's modules, and `replication_worker`, as a replication partner would; `stamp_reader` and
`stamp_worker`, which read the files beside Samba and write nothing; `local_databases` and its worker: smb.conf, and
what lies beside the directory; `own_database`: whether they are the running DC's.
"""
