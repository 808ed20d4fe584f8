"""From the journal back to the directory: want, have, plan, apply, verify.

``state``, ``diff``, ``order`` and ``plan`` decide and do no I/O; ``apply`` and ``verify`` do what was decided.
In: commits and sightings. Out: steps carried out, differences listed. Must not import: ``agent``, ``cli``.
"""
