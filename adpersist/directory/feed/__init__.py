"""The change feed: DirSync answers and replication stamps become sightings of objects.

In: cookies and a session. Out: sightings with their stamps, whole or of what changed. Read `dirsync`, then `stamping`,
which asks for the stamps that no answer carries; `usn_slices` cuts a look at everything into pieces that Samba can
answer; `stamps` reads replPropertyMetaData.
"""
