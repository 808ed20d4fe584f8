"""SYSVOL and the local databases: where they lie, what is new there, what differs, putting back.

In: smb.conf's places, files as the journal has them. Out: what is new for a commit; a disk that is as the journal says.
Read `local_files` (where everything lies), `looking` (what is there, and new), `differences` (pure), `id_numbers`
(pure: whose Unix number is whose), `putting_back`, `metadata`. Must not import what commits or restores.
"""
