"""Making a DC what the journal says: want, have, plan, apply, prove.

In: a connected DC and an open journal. Out: a DC that is proven, or what still differs. Read `restoring` (the one
function that tells it all), `wanted` (fold), `live_state` (look), `convergence` (plan, apply, look again),
`partial_steps`; `image_age` and `new_invocation` decide before anything is written.
Folders: `plan` (pure), `conflicts` (what others wrote meanwhile), `files` (SYSVOL and the local databases).
"""
