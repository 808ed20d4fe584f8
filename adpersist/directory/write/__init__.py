"""Carrying out the steps of a plan on a DC.

In: steps. Out: a result for each, in order. Read `operations` (the port: one LDAP write), `step_writes` (a step as one
write), `target` (the port: many steps) and its adapters: `pipelined_target` over LDAP, `transactional_target` in
Samba's database, `network_writes` for an administrator far away; `engine` chooses among them.
"""
