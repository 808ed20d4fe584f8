"""The loops: capture, guard, service.

In: a configuration. Out: commits, restores, health. Everything here joins ``directory``, ``journal`` and ``replay``;
must not import ``cli``.
"""
