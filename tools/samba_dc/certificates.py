"""TLS for test DCs: one authority per golden image, one certificate per DC with its address in it.

Samba would make its own at first start: that takes 2 s (RSA 4096), and the certificate names no IP address, so that
clients could not check it.
"""

from __future__ import annotations

import tempfile
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
    """Write `cert.pem` and `key.pem` for one DC, signed by the authority in the same directory."""
    with tempfile.TemporaryDirectory() as scratch:
        request, extensions = Path(scratch, "request.pem"), Path(scratch, "extensions")
        extensions.write_text(f"subjectAltName=DNS:{fqdn},IP:{address}\nextendedKeyUsage=serverAuth\n")
        run(["openssl", "req", *_EC, "-subj", f"/CN={fqdn}", "-keyout", str(tls / "key.pem"), "-out", str(request)])
        run([
            *("openssl", "x509", "-req", "-in", str(request), "-days", _DAYS, "-extfile", str(extensions)),
            *("-CA", str(tls / "ca.pem"), "-CAkey", str(tls / "ca-key.pem"), "-out", str(tls / "cert.pem")),
        ])  # fmt: skip
    # Samba refuses a key that others can read.
    (tls / "key.pem").chmod(0o600)
