"""The whole journal in memory and without secrets, for those who show a lot of it.

In: commits and states. Out: every object at every commit, and what happened in order. Read `past`, `sealing` (no secret
gets that far), `named`; `line` (a change without its values), `glimpse` (what is enough to pass it over), `writers` and
`person` (who wrote), `telling` (what documents ask of whoever knows the past, here or by the index).
"""
