"""Protocol facts, each with the section of the specification it comes from: bytes <-> values. Pure.

In: bytes of LDAP and of attribute values. Out: entries, results, stamps, prefixes. Read `ber`, `messages`, `requests`,
`filters` and `controls` (LDAP); `cookie`, `extended_dn`, `replication_metadata` and `prefix_map` (values).
"""
