"""Bringing a DC up: started where nobody reaches it, proven or healed, then started for everyone.

Read `boot`, `closed_dc` (the process), `isolation` (a network of its own).
"""
