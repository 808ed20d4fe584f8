"""An index of the journal on this disk, so that one object is told of without folding the whole directory.

In: an open journal. Out: the answers that :mod:`adpersist.reading.folded` gives, or none; what the console shows. It
holds names, GUIDs, SIDs, classes, attributes' names, commits' numbers, who links to whom, and what the schema says of
attributes; of nothing else a value, but numbers that tell whether it is another, under a key that is not in it: those
are read in the few commits that matter, each proven as always. Whatever is wrong with it, or keeps it from being
written, makes answers slower and never other ones. Read `kept` (the file, whose it is, one at a time that changes it),
`filling` and `line_filling` (commits become rows), `digests` (those numbers), `spans` and `places` (which rows count
at a point, where an object is), `indexed_state` and `indexed` (the answers), `answering` (by the index, or else by
folding); `indexed_past` and `indexed_lines` (what pages ask).
"""
