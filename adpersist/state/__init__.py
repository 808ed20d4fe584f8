"""The journal folded to a directory, and what differs between two of them. But for `fold`, pure.

In: commits and checkpoints. Out: a `state` (every object at one moment), `differences` (what separates two), and the
`fingerprint_index` (what the journal holds, by digest: enough to tell news, small enough for an agent).
Read `state`, `differences`, `fold`, `fingerprint`, `fingerprint_table`, `fingerprint_index`; `journal_schema` and
`classes` are the schema as a state has it. Must not import `directory`.
"""
