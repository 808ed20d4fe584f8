"""What others wrote on a DC that was put back: before a restore, on partners, while it runs. Pure.

In: differences and replication's stamps. Out: conflicts. Read `local_writes`, `partner_writes`, `late_links`,
`concurrent_writes`; `resolution` says who wins.
"""
