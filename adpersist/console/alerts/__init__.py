"""What somebody should hear of: rules over changes, and the ways it is sent.

In: a past that grows, in memory or looked up. Out: findings, each once, kept in an outbox until they are sent. Read
`finding`, `catalogue`, `rules` (with `descriptor`), `outbox`, `ways`, `watching`. No rule and no way ever sees a
secret.
"""
