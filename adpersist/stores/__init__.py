"""Where journals lie: the store port, its adapters, and what wraps them.

``port`` is the contract; ``memory``, ``sqlite`` and ``azure_tables`` keep it; ``retrying`` (patience, and settling
writes nobody answered) and ``faults`` (for tests) wrap any of them and are stores themselves; ``registry`` makes a
store of a URL.
In: opaque frames and heads as bytes. Out: the same bytes, in order, exactly once.
A store knows nothing of what it holds; sealing happens before, in ``journal``. Must not import ``journal``.
"""
