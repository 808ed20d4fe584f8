"""Numbers whose bits have names ([MS-ADTS] 2.2); pure."""

from collections.abc import Mapping
from typing import Final

USER_ACCOUNT_CONTROL: Final[Mapping[int, str]] = {
    0x1: "SCRIPT",
    0x2: "ACCOUNTDISABLE",
    0x8: "HOMEDIR_REQUIRED",
    0x10: "LOCKOUT",
    0x20: "PASSWD_NOTREQD",
    0x40: "PASSWD_CANT_CHANGE",
    0x80: "ENCRYPTED_TEXT_PASSWORD_ALLOWED",
    0x100: "TEMP_DUPLICATE_ACCOUNT",
    0x200: "NORMAL_ACCOUNT",
    0x800: "INTERDOMAIN_TRUST_ACCOUNT",
    0x1000: "WORKSTATION_TRUST_ACCOUNT",
    0x2000: "SERVER_TRUST_ACCOUNT",
    0x10000: "DONT_EXPIRE_PASSWD",
    0x20000: "MNS_LOGON_ACCOUNT",
    0x40000: "SMARTCARD_REQUIRED",
    0x80000: "TRUSTED_FOR_DELEGATION",
    0x100000: "NOT_DELEGATED",
    0x200000: "USE_DES_KEY_ONLY",
    0x400000: "DONT_REQUIRE_PREAUTH",
    0x800000: "PASSWORD_EXPIRED",
    0x1000000: "TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION",
    0x2000000: "NO_AUTH_DATA_REQUIRED",
    0x4000000: "PARTIAL_SECRETS_ACCOUNT",
}
"""userAccountControl, [MS-ADTS] 2.2.16."""

GROUP_TYPE: Final[Mapping[int, str]] = {
    0x1: "BUILTIN_LOCAL",
    0x2: "GLOBAL",
    0x4: "DOMAIN_LOCAL",
    0x8: "UNIVERSAL",
    0x10: "APP_BASIC",
    0x20: "APP_QUERY",
    0x80000000: "SECURITY",
}
"""groupType, [MS-ADTS] 2.2.12."""

ENCRYPTION_TYPES: Final[Mapping[int, str]] = {
    0x1: "DES-CBC-CRC",
    0x2: "DES-CBC-MD5",
    0x4: "RC4-HMAC",
    0x8: "AES128-CTS",
    0x10: "AES256-CTS",
    0x20: "AES256-CTS-SK",
}
"""msDS-SupportedEncryptionTypes, [MS-KILE] 2.2.7."""

SEARCH_FLAGS: Final[Mapping[int, str]] = {
    0x1: "INDEX",
    0x2: "CONTAINER_INDEX",
    0x4: "ANR",
    0x8: "PRESERVE_ON_DELETE",
    0x10: "COPY",
    0x20: "TUPLE_INDEX",
    0x40: "SUBTREE_INDEX",
    0x80: "CONFIDENTIAL",
    0x100: "NEVER_AUDIT",
    0x200: "RODC_FILTERED",
}
"""searchFlags, [MS-ADTS] 2.2.9."""

BITS: Final[Mapping[str, Mapping[int, str]]] = {
    "userAccountControl": USER_ACCOUNT_CONTROL,
    "groupType": GROUP_TYPE,
    "msDS-SupportedEncryptionTypes": ENCRYPTION_TYPES,
    "searchFlags": SEARCH_FLAGS,
}
"""By lDAPDisplayName."""

ACCOUNT_TYPES: Final[Mapping[int, str]] = {
    0x0: "DOMAIN_OBJECT",
    0x10000000: "GROUP_OBJECT",
    0x10000001: "NON_SECURITY_GROUP_OBJECT",
    0x20000000: "ALIAS_OBJECT",
    0x20000001: "NON_SECURITY_ALIAS_OBJECT",
    0x30000000: "USER_OBJECT",
    0x30000001: "MACHINE_ACCOUNT",
    0x30000002: "TRUST_ACCOUNT",
    0x40000000: "APP_BASIC_GROUP",
    0x40000001: "APP_QUERY_GROUP",
}
"""sAMAccountType, [MS-SAMR] 2.2.1.9."""


def bit_names(number: int, names: Mapping[int, str]) -> str:
    """``ACCOUNTDISABLE | NORMAL_ACCOUNT``; bits without a name in hexadecimal; the number is read as 32 bits."""
    left = number & 0xFFFFFFFF
    found = []
    for bit, name in names.items():
        if left & bit:
            found.append(name)
            left &= ~bit
    if left:
        found.append(f"0x{left:x}")
    return " | ".join(found)
