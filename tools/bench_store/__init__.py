"""The journal, measured: `tools/bench store`.

Every figure is the median of several runs. Where there is a well-known way to do the same, it is also a ratio to that
way, taken in the same run on the same machine: a plain SQLite insert with fsync, a plain entity insert, zlib over LDIF,
JSON lines.
"""
