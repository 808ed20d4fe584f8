"""What each kind of commit does to the head it is built on. Pure: a head in, a draft out.

Read `commit_drafts`, then `look_drafts` (a look that becomes several commits).
"""
