"""What the operating system gives: files that last, memory given back, the service manager, trying again.

In: paths, callables. Out: nothing of the directory or the journal; imported by every room above.
"""
