"""Who is who: SIDs, RIDs, objectGUIDs and USNs that must mean one thing. Pure.

In: gaps and states. Out: steps, or states with other identities. Read `evictions` (strangers give up what is somebody
else's), `rid_pools`, `reused_usns`; `foreign_principals`, `made_again` and `renumbering` know objects again that
have another objectGUID.
"""
