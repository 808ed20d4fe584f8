"""SYSVOL and the local databases: where they lie, what is new there, what differs, putting back.

In: smb.conf's places, files as the journal has them. Out: what is new for a commit; a disk that is as the journal says.
Read `local_files` (where everything lies), `looking` (what is new), `reading` (one file), `differences` (pure),
`id_numbers` (pure: whose Unix number is whose), `putting_back`, `metadata`; `withheld` (pure) tells what is no news
while something is still to be put back. Must not import what commits or restores.
"""
