"""A service and its client, as GSSAPI has them; run by Debian's python3, which has python3-gssapi.

Usage: accepting.py KEYTAB CACHE SERVICE HOST

The client has nothing but its tickets, the service nothing but its keytab. The client asks the KDC for a ticket if its
cache has none for this service, the two authenticate each other ([RFC4121]) and exchange a sealed message. Prints who
the client is to the service. KRB5_CONFIG names the realm.
"""

from __future__ import annotations

import sys

import gssapi

_SECRET = b"known to both ends alone"


def main(keytab: str, cache: str, service: str, host: str) -> None:
    """Have the service accept the client, and understand it."""
    name = gssapi.Name(f"{service}/{host}", gssapi.NameType.kerberos_principal)
    own = gssapi.Credentials(usage="accept", store={"keytab": f"FILE:{keytab}"})
    tickets = gssapi.Credentials(usage="initiate", store={"ccache": f"FILE:{cache}"})
    mutual, kerberos = gssapi.RequirementFlag.mutual_authentication, gssapi.MechType.kerberos
    client = gssapi.SecurityContext(name=name, creds=tickets, usage="initiate", flags=mutual, mech=kerberos)
    server = gssapi.SecurityContext(creds=own, usage="accept")
    token = None
    while not (client.complete and server.complete):
        token = client.step(token) if not client.complete else None
        if token is not None:
            token = server.step(token)
    if server.decrypt(client.encrypt(_SECRET)) != _SECRET:
        raise ValueError("the service does not understand its client")
    print(server.initiator_name)


if __name__ == "__main__":
    main(*sys.argv[1:5])
