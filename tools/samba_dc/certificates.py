"""TLS for test DCs: one authority per golden image, one certificate per DC with its address in it.

Samba would make its own at first start: that takes 2 s (RSA 4096), and the certificate names no IP address, so that
clients could not check it.
"""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Final

from tools.samba_dc.programs import run

_DAYS: Final = "3650"
_EC: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

FFDHE2048: Final = """\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""The ffdhe2048 group, RFC 7919 appendix A.1: without a file Samba computes parameters at each start."""


def make_authority(tls: Path) -> None:
    """Write `ca.pem`, `ca-key.pem` and `dh.pem` into the directory."""
    run([
        *("openssl", "req", "-x509", *_EC, "-days", _DAYS, "-subj", "/CN=adpersist test authority"),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", str(tls / "ca-key.pem"), "-out", str(tls / "ca.pem")),
    ])  # fmt: skip
    (tls / "ca-key.pem").chmod(0o600)
    (tls / "dh.pem").write_text(FFDHE2048)


def issue(tls: Path, *, fqdn: str, address: str) -> None:
    """Write `cert.pem` and `key.pem` for one DC, signed by the authority in the same directory.

    A process that asks for the same again gets the same: most DCs of a test run are one that was put back.
    """
    authority, its_key = (tls / "ca.pem").read_text(), (tls / "ca-key.pem").read_text()
    certificate, key = _issued(authority, its_key, fqdn, address)
    (tls / "cert.pem").write_text(certificate)
    (tls / "key.pem").touch(mode=0o600)  # Samba refuses a key that others can read
    (tls / "key.pem").write_text(key)


@lru_cache(maxsize=64)
def _issued(authority: str, its_key: str, fqdn: str, address: str) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        (scratch / "ca.pem").write_text(authority)
        (scratch / "ca-key.pem").write_text(its_key)
        run([
            *("openssl", "req", "-x509", *_EC, "-days", _DAYS, "-subj", f"/CN={fqdn}"),
            *("-CA", str(scratch / "ca.pem"), "-CAkey", str(scratch / "ca-key.pem")),
            *("-addext", f"subjectAltName=DNS:{fqdn},IP:{address}", "-addext", "extendedKeyUsage=serverAuth"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", str(scratch / "key.pem"), "-out", str(scratch / "cert.pem")),
        ])  # fmt: skip
        return (scratch / "cert.pem").read_text(), (scratch / "key.pem").read_text()
