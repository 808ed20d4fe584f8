"""A store far away, and many writers in one table, measured against Azurite: `tools/bench far`.

`relay` holds every byte back for so long, in either direction, in a process of its own; `commits` writes
through it, `agent` has a real agent beside a real DC do so, `reading` folds a journal through it; `fleet` has many
processes write into one table.
"""
