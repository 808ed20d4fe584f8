"""Files: such as last, are locked, are for one user's eyes, or somebody else may have written.

In: paths, bytes. Out: the same, durable or refused. Read `real_path`, `durable_file`, `lock_file`, `private_files`,
`nameless`, `spill_file`, `row_file`, `untrusted_sqlite`.
"""
