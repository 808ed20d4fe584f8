"""The stored forms of a password, as far as a plan must know them."""

from typing import Final

from adpersist.model.objects.change import Values

SMARTCARD_REQUIRED: Final = 0x40000
"""ADS_UF_SMARTCARD_REQUIRED, [MS-ADTS] 2.2.16."""

ACCOUNT_DISABLED: Final = 0x2
"""ADS_UF_ACCOUNT_DISABLE, [MS-ADTS] 2.2.16."""

_NEVER_HAD_KEYS_BYTES: Final = 13
"""Header (12) and end (1): there were no keys to empty."""

_EMPTIED_KEYS_BYTES: Final = 111
"""The same around a prefix of 48 UTF-16 blanks (96) and a signature (2): USER_PROPERTIES, [MS-SAMR] 2.2.10.1."""


def has_no_keys(supplemental_credentials: Values) -> bool:
    """The account has supplementalCredentials that hold nothing.

    A server makes such a value itself when a smart card becomes required, and accepts it from nobody.
    """
    return _size(supplemental_credentials) in (_NEVER_HAD_KEYS_BYTES, _EMPTIED_KEYS_BYTES)


def had_keys(supplemental_credentials: Values) -> bool:
    """Of supplementalCredentials that hold nothing: the form they have when there were keys before."""
    return _size(supplemental_credentials) == _EMPTIED_KEYS_BYTES


def _size(values: Values) -> int:
    return len(values[0]) if values else 0


def with_smartcard(user_account_control: Values) -> Values:
    """userAccountControl with a smart card required, and disabled: on the way, nobody logs in."""
    return (str(int(user_account_control[0]) | SMARTCARD_REQUIRED | ACCOUNT_DISABLED).encode(),)


def without_smartcard(user_account_control: Values) -> Values:
    """userAccountControl with no smart card required, and disabled: on the way, nobody logs in."""
    return (str(int(user_account_control[0]) & ~SMARTCARD_REQUIRED | ACCOUNT_DISABLED).encode(),)
