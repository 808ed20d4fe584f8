"""Where journals lie: the store port and its adapters.

In: opaque frames and heads as bytes. Out: the same bytes, in order, exactly once.
A store knows nothing of what it holds; sealing happens before, in ``journal``. Must not import ``journal``.
"""
