"""LDAP connections to a domain controller: the only place that imports ldap3, which connects and logs in.

In: a URL and a login. Out: a `session` that searches, reads DirSync pages and writes. Read `connection` (ways in),
`conversation` (requests sent ahead, answers read as they come), `session`; `person` (whom the DC believes);
`gssapi_layer` seals Kerberos connections.
"""
