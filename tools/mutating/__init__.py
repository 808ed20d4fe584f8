"""Mutation testing: a line of the program is made wrong, and some test must say so.

In: source files, and the tests that judge them. Out: which mutants no test killed, and the share that some did. Read
`mutants` (what is made wrong, and how), `covering` (which test runs which line), `judging` (workers that each try one
mutant after another in a copy of the tree), `__main__`. `survivors.toml` lists mutants that may live, each with its
reason.
"""
