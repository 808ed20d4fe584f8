"""All that speaks to a domain controller; ldap3 is imported nowhere else.

In: a directory URL. Out: sightings of objects, the DC's lineage, and the steps of a plan carried out. Read
`domain_controller` (what the rest of the program sees), then the folders in the order data flows through them: `wire`
(bytes <-> values), `ldap`, `feed`, `lineage`, `samba`, `write`. `schema`, `exemptions`, `tombstone_lifetime` and
`capabilities` are read from the DC itself. Must not import `journal`, `stores` or what lies above them.
"""
