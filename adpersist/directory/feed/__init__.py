"""The change feed: DirSync answers and replication stamps become sightings of objects.

In: cookies and a session. Out: sightings, whole or of what changed, and stamps by attribute. Read `dirsync`;
`usn_slices` cuts a look at everything into pieces that Samba can answer; `stamps` reads replPropertyMetaData.
"""
