"""adpersist: Litestream for Active Directory.

Streams every change of a domain controller into durable storage, notices when the controller was put back to an old
image, and replays what was lost with identities and secrets intact.
"""

__version__ = "0.2.0"
