"""The smallest set of steps from what a DC has to what is wanted, in an order that works. Pure.

In: two states and what is exempt. Out: steps. Read `plan`, then in the order of the steps: `identities`, `ordering`,
`service_names`, `definitions` of the schema, `object_steps`; `scope` cuts a plan down to one object or attribute,
`handed_down` knows what closes with the rights of a container, `making_way` clears the way of a replica, which
`replication` puts together, `replicated_updates` are what partners must be told once more, `limitations` says what
nobody can restore. Folders: `identities` (who must give way to whom, and who is known again by other names), `machines`
(what computers, and the DC itself, know by themselves).
"""
