"""Making a DC what the journal says: want, have, plan, apply, prove.

In: a connected DC and an open journal. Out: a DC that is proven, or what still differs. Read `restoring` (the one
function that tells it all), `wanted` (fold), `live_state` (look), `outcome` and `errors` (how it ends); `image_age`,
`new_invocation` and `one_attribute` decide before anything is written, `usn_rollback` knows what partners believe.
Folders: `convergence` (plan, apply, look again), `plan` (pure), `conflicts` (what others wrote meanwhile, and who wins;
pure), `files` (SYSVOL and the local databases).
"""
