"""What the journal says of itself: the head, its commits, and the verdict on the DC in front of it. Pure.

Read `head`, `commit`, `lineage`, `account`.
"""
