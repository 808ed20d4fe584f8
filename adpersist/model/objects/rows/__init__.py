"""Objects and stamps held small: hundreds of thousands of them are in memory at once.

Read `attribute_row`, `stamp_row`, `link_stamp_row`; `interning` holds what is the same once, `spilled_object` (of
`spilled_row` and `spilled_links`) has most of an object lie in a file.
"""
