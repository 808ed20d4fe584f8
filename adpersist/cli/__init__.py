"""The command line: one file a command, each of which parses, calls and prints.

In: words and a configuration. Out: text for people or JSON for machines, and an exit code. Read `app` (all commands
under one name), `options`, `output`; the folders hold the commands: `capture`, `restore`, `read`, `upkeep`, `files`.
"""
