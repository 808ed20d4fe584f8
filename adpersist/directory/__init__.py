"""All that speaks to a domain controller; ldap3 is imported nowhere else.

In: a directory URL. Out: sightings of objects, the DC's lineage, and the writes of a plan carried out.
Must not import: ``journal``, ``stores``, ``replay``.
"""
