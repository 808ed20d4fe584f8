"""What is to be done to a DC, as data: steps, what a session can reach, what is left alone, and conflicts. Pure.

Read `step`, `reach`, `conflict`, `engine`.
"""
