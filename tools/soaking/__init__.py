"""A soak: a life of random changes and random troubles, and the proof at its end that nothing was lost.

`busy` changes the directory, `trouble` troubles everybody, `keeper` does what systemd does for the agent, `upkeep` what
people and timers do to the journal meanwhile, `gate` is the store's network. Nothing here shares code with adpersist:
it is run as a program.
"""
