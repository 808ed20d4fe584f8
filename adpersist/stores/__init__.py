"""Where journals lie: the store port, its adapters, and what wraps them.

In: opaque frames and heads as bytes. Out: the same bytes, in order, exactly once. Read `port` (the contract),
`memory`, the folders `sqlite` and `azure`; `retrying` wraps any of them and is a store itself; `limits` is what the
strictest store takes, `registry` makes a store of a URL, and `finding` tells which journals lie there.
A store knows nothing of what it holds; sealing happens before, in ``journal``. Must not import ``journal``.
"""
