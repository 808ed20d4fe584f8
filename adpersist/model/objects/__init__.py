"""What a directory object is at one moment, what a look shows of it, and what happened to it in between. Pure.

In: raw attribute values. Out: frozen values: `change` (with replication's stamps), `object_state`, `sighting`; then
what an object's values mean to replication (`stamps`, `link_stamps`, `directory_time`), to the RID Manager (`rid_set`)
and to the KDC (`password`). Folder: `rows`, which keep hundreds of thousands of them small.
"""
