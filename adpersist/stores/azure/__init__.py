"""Azure Table Storage, Cosmos DB for Table and Azurite: one journal is one partition.

Read `layout` (pure: rows <-> frames), `tables` (the adapter), `access` (credentials), `errors` (the SDK's in ours).
"""
