"""Keys: data keys that seal the journal, wrapped by a key-encryption key in a file, a variable or a vault.

In: 32 bytes or a vault's URL. Out: a `keyring`. Read `key_encryption` (the port), `keyring`, `key_file`, `key_vault`;
`derive` has every label that something is derived with.
"""
