"""Who may ask the console, and what they may: all that stands between a request and a page.

In: requests on loopback. Out: sessions with a role, or a refusal. Read `listening` (the address), `guards` (Host,
origin, headers), `sign_in` (codes, sessions, the domain's own names). Must not import pages.
"""
