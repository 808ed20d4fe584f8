"""What is inside of a frame, before it is sealed: columns of MessagePack. Pure.

In: changes, files, lines of an audit log. Out: bytes, and back. Read `changes`, `stamp_columns`, `file_changes`,
`audit_lines`; below them lie `packing` (bounded MessagePack and zstandard) and `shapes`.
"""
