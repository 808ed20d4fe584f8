"""Attributes the directory never shows but to itself, so that they must be asked for by name.

Source: [MS-ADTS] 3.1.1.4.4 (access checks on secret attributes); the schema does not mark them.
"""

from typing import Final

PASSWORD_ATTRIBUTES: Final = ("unicodePwd", "dBCSPwd", "ntPwdHistory", "lmPwdHistory", "supplementalCredentials")
"""An account's password in its several forms."""

SECRET_ATTRIBUTES: Final = (
    *PASSWORD_ATTRIBUTES,
    "trustAuthIncoming",
    "trustAuthOutgoing",
    "initialAuthIncoming",
    "initialAuthOutgoing",
    "currentValue",
    "priorValue",
    "pekList",
    "msDS-ExecuteScriptPassword",
)
