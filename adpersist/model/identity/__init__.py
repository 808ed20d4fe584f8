"""What an object is known by: objectGUID, objectSid, DN, and references from one object to another. Pure.

In: bytes and text as the directory has them. Out: typed identifiers, and values held by GUID instead of by name.
Read `ids`, `dn`, `sid`, `reference`.
"""
