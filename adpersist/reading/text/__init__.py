"""Values as people read them. Pure.

In: values, descriptors, files. Out: text and documents; a secret only where it was asked for. Read `value_text` (with
`time_text`, `flag_names`), `entry_text`, `permission_text` (with `descriptor`), `file_text`.
"""
