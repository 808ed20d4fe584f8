"""Which attributes say what somebody may do: secrets, what a logon depends on, and what hands out rights.

The schema marks the secrets at best; what the others mean stands in [MS-ADA1] to [MS-ADA3] alone, so they are named.
"""

from typing import Final

from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES

_RIGHTS: Final = frozenset(
    {
        "nTSecurityDescriptor",
        "defaultSecurityDescriptor",
        "dSHeuristics",
        "gPLink",
        "gPOptions",
        "gPCFileSysPath",
        "primaryGroupID",
        "sIDHistory",
        "msDS-AllowedToActOnBehalfOfOtherIdentity",
        "msDS-AllowedToDelegateTo",
        "msDS-GroupMSAMembership",
        "trustAttributes",
        "trustDirection",
    }
)
_LOGON: Final = frozenset(
    {
        "userAccountControl",
        "accountExpires",
        "lockoutTime",
        "logonHours",
        "pwdLastSet",
        "userWorkstations",
        "altSecurityIdentities",
        "msDS-KeyCredentialLink",
        "userCertificate",
        "servicePrincipalName",
    }
)

GRANTING: Final = _RIGHTS | _LOGON | frozenset(SECRET_ATTRIBUTES)
"""Where one of these differs, somebody may be able to do more than the journal says."""
