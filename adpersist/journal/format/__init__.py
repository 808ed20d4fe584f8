"""The journal's bytes: values in, sealed bytes out, and back. Pure; FORMAT.md beside this file specifies every one.

In: changes, heads, notes, states, a data key. Out: frames, heads and checkpoint parts, or a :class:`DamagedError` that
says what is wrong. Read `frame_header`, `frame`, `padding`, `head`, `checkpoint`, `chain`. Folder: `columns` (what
is inside of a frame).
"""
