"""The demo: a DC lives through a day, is put back to its golden image, and adpersist brings the day back.

`product` runs adpersist as its users do, as processes; `story` is what happens; `losses` counts what the revert took
and what came back; `judges` and `logins` prove it with tools and eyes that share no code with adpersist; `report`
prints it. Comes in: the harness and `tools.day`. Goes out: a table and an exit code. Nothing here imports adpersist.
"""
