"""What machines know by themselves, and a restore must not take from them. Pure.

In: states and commits. Out: the passwords that stay, and those that tickets may be under. Read `machine_secrets` (of
computers and trusts), then `own_passwords` (of the DC's own account).
"""
