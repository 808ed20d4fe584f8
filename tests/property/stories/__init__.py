"""Random directories and random changes to them, as data that can be replayed and cut down.

A deed refers to objects by the number of the deed that made them, so that any part of a list of deeds is a list of
deeds too: what refers to something that is not there does nothing. What the DC refuses is not done; that is its right.
"""
