"""Commands that set capture up, run it, and say how it stands: init, agent, status, doctor, mark, image.

`questions` is what init asks at a terminal.
"""
