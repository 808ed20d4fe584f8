"""The loops: an agent that captures, a guard that heals once, a boot around a DC's start, a first run.

In: a configuration. Out: commits, restores, health. Read `service` (capture until stopped), `guard`, `boot`, `status`,
`initialization` (and `usual_places`, what it takes unasked); then what they need: `connections` (a configuration
opened), `polling`, `beat`, `signals`, `canary_check`, `image` (when the machine's was taken). Folders: `boot`,
`doctor`, `health`, `upkeep`. Must not import `cli`.
"""
