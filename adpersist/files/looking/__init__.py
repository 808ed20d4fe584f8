"""What SYSVOL and the local databases hold, and what is new there.

In: where everything lies, files as the journal has them. Out: content and states for a commit, or all there is.
Read `file_look`, `reading` (one file), `waking` (what the kernel tells), `whole` (everything as it is now); `withheld`
(pure) tells what is no news while something is still to be put back.
"""
