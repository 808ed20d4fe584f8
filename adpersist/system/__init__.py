"""What the operating system gives: files that last, locks the kernel releases, memory given back, the service manager.

In: paths, callables. Out: nothing of the directory or the journal; imported by every room above. Read `machine`,
`backoff` (the one policy of trying again) and `passing` (what may pass), `memory`, `secrecy`, `standard_streams`,
`sd_notify`, `unix_sockets`. Folder: `files`.
"""
