"""What developers run beside adpersist: the demo, the test runner, benchmarks and the Samba harness.

Nothing in the product imports from here.
"""
