"""What people look at, and are told: alerts, reports as pages, and the web console.

In: an open journal, folded to a `reading.past.Past`. Out: HTML, JSON, messages; nothing is written to a directory or a
journal. Read `alerts/` (rules, and the ways they tell), `report/` (a heal, a span of time), then `web/` (the console:
sign-in, guards, pages). Every name in a directory is an attacker's text: templates escape all of it, and no secret is
in what they are given. Must not be imported by the agent.
"""
