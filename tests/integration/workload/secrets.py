"""Trusts, service accounts, backup keys, and the key of all keys."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain


def _trust(domain: Domain, name: str, flat: str, sid: str, password: str) -> str:
    return domain.add(
        f"CN={name},{domain.system}", "trustedDomain", relax=True, trustDirection="3", trustType="2",
        trustAttributes="8", flatName=flat, trustPartner=name, securityIdentifier=domain.sid(sid),
        trustAuthIncoming=domain.trust_secret(password), trustAuthOutgoing=domain.trust_secret(password[::-1]),
        msDS_TrustForestTrustInfo=bytes.fromhex("0100000000000000"), msDS_SupportedEncryptionTypes="24",
    )  # fmt: skip


@image
def secrets_of_the_image(domain: Domain) -> None:
    """A trust whose password will change, and a service account."""
    _trust(domain, "old.test", "OLD", "S-1-5-21-5-5-5", "first password of the trust")
    domain.add(f"CN=Old Secret,{domain.system}", "secret", relax=True, currentValue=b"old", priorValue=b"older")


@change
def trust_with_its_account(domain: Domain) -> None:
    """A two-way trust: secrets of both directions, and the account the other side logs in with."""
    _trust(domain, "other.test", "OTHER", "S-1-5-21-9-9-9", "password of the trust")
    account: dict[str, Any] = {"sAMAccountName": "OTHER$", "userAccountControl": "2080", "unicodePwd": bytes(range(16))}
    domain.add(f"CN=OTHER$,{domain.users}", "user", hashes=True, **account)


@change
def trust_password_changed(domain: Domain) -> None:
    """As the other side does every month."""
    secret = domain.trust_secret("second password of the trust")
    domain.set(f"CN=old.test,{domain.system}", relax=True, trustAuthIncoming=secret, trustAuthOutgoing=secret)


@change
def backup_keys_and_secrets(domain: Domain) -> None:
    """DPAPI backup keys and LSA secrets."""
    for number in range(2):
        name = f"BCKUPKEY_{uuid.UUID(int=number + 1)} Secret"
        domain.add(
            f"CN={name},{domain.system}",
            "secret",
            relax=True,
            currentValue=bytes(range(256)) * 5,
            isCriticalSystemObject="TRUE",
        )
    domain.add(f"CN=BCKUPKEY_P Secret,{domain.system}", "secret", relax=True, currentValue=uuid.UUID(int=1).bytes_le)
    domain.set(f"CN=Old Secret,{domain.system}", relax=True, currentValue=b"new", priorValue=b"old")


@change
def kds_root_key_and_gmsa(domain: Domain) -> None:
    """The root key of group managed service accounts, one of those, and one that is no group's."""
    at = domain.container(f"CN=Group Key Distribution Service,CN=Services,{domain.configuration}")
    domain.container(f"CN=Master Root Keys,{at}")
    domain.add(
        f"CN={uuid.UUID(int=4711)},CN=Master Root Keys,{at}", "msKds-ProvRootKey", relax=True,
        msKds_Version="1", msKds_KDFAlgorithmID="SP800_108_CTR_HMAC", msKds_KDFParam=bytes(30),
        msKds_SecretAgreementAlgorithmID="DH", msKds_PublicKeyLength="2048", msKds_PrivateKeyLength="512",
        msKds_DomainID=f"CN=DC1,OU=Domain Controllers,{domain.base}", msKds_UseStartTime="133000000000000000",
        msKds_CreateTime="133000000000000000", msKds_RootKeyData=bytes(range(64)),
    )  # fmt: skip
    accounts = f"CN=Managed Service Accounts,{domain.base}"
    domain.add(f"CN=msa1,{accounts}", "msDS-ManagedServiceAccount", sAMAccountName="msa1$", userAccountControl="4096")
    if domain.draws_gmsas:
        return  # which come back by one engine alone: tests/integration/test_gmsa.py
    domain.add(
        f"CN=gmsa1,{accounts}", "msDS-GroupManagedServiceAccount", sAMAccountName="gmsa1$", userAccountControl="4096",
        msDS_ManagedPasswordInterval="30", msDS_ManagedPasswordId=bytes(range(96)),
        dNSHostName="gmsa1.samdom.example.com",
        msDS_GroupMSAMembership=domain.descriptor("O:SYD:(A;;RPWP;;;DD)"),
        unicodePwd='"Managed.password-long-enough"'.encode("utf-16-le"),
    )  # fmt: skip


@change
def krbtgt_password_changed(domain: Domain) -> None:
    """Twice, as after a break-in: every ticket from before is void."""
    for _ in range(2):
        domain.password(f"CN=krbtgt,{domain.users}", "Ignored.the-server-draws-its-own")
