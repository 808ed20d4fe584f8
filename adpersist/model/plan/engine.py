"""Which way a restore writes."""

from enum import StrEnum


class Engine(StrEnum):
    """Over LDAP, or straight into the DC's own database; ``auto`` takes the latter where that is safe."""

    AUTO = "auto"
    LDAP = "ldap"
    LOCAL = "local"
