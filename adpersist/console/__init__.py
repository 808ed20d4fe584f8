"""What people look at: reports as pages, and the web console.

In: an open journal, folded to a `reading.past.Past`. Out: HTML and JSON; nothing is written to a directory or a
journal. Read `report/` (a heal, a span of time), then `web/` (the console: sign-in, guards, pages). Every name in a
directory is an attacker's text: templates escape all of it, and no secret is in what they are given. Must not be
imported by the agent.
"""
