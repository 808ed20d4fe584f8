"""Times as the directory counts them ([MS-DTYP] 2.3.3, [MS-DRSR] 4.1.10.2.22)."""

from typing import Final

EPOCH_1601_S: Final = 11_644_473_600
"""Seconds between 1601-01-01, where the directory counts from, and 1970-01-01."""
