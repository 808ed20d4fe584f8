"""The smallest set of steps from what a DC has to what is wanted, in an order that works. Pure.

In: two states and what is exempt. Out: steps. Read `plan`, then in the order of the steps: `evictions`, `ordering`,
`service_names`, `object_steps`, `rid_pools`; `scope` cuts a plan down to one object or attribute, `limitations` says
what nobody can restore, `foreign_principals` and `renumbering` know objects again that have another objectGUID.
"""
