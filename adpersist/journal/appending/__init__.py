"""How the head moves: one commit after the other becomes durable, and two writers cannot both win.

In: a draft, the frames that carry it, a store. Out: the head that the store has now. Read `settlement` (what became of
an append; pure), `appender`, `append_queue` (frames on their way while the next are made), `spare_head` (the head's
copy, and the way back from it).
"""
