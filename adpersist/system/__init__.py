"""What the operating system gives: files that last, locks the kernel releases, memory given back, the service manager.

In: paths, callables. Out: nothing of the directory or the journal; imported by every room above. Read `durable_file`,
`lock_file`, `machine`, `backoff` (the one policy of trying again), `memory`, `spill_file`, `secrecy`,
`private_files`, `untrusted_sqlite`, `sd_notify`, `unix_sockets`.
"""
