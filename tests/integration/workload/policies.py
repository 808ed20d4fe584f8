"""What rules passwords and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.workload.register import change, image

if TYPE_CHECKING:
    from tests.integration.workload.domain import Domain

OLD_POLICY, NEW_POLICY = "{0F000000-1111-4222-8333-000000000001}", "{0F000000-1111-4222-8333-000000000002}"


def _policy(domain: Domain, name: str) -> str:
    at = f"CN=Policies,{domain.system}"
    dn = domain.add(
        f"CN={name},{at}", "groupPolicyContainer", displayName=name, gPCFileSysPath="\\\\x\\sysvol",
        versionNumber="1", flags="0", gPCFunctionalityVersion="2",
    )  # fmt: skip
    for part in ("User", "Machine"):
        domain.add(f"CN={part},{dn}", "container")
    return dn


def _settings(domain: Domain, name: str, applies_to: str) -> str:
    dn = f"CN={name},CN=Password Settings Container,{domain.system}"
    domain.add(
        dn,
        "msDS-PasswordSettings",
        msDS_PasswordSettingsPrecedence="10",
        msDS_PasswordReversibleEncryptionEnabled="FALSE",
        msDS_PasswordHistoryLength="5",
        msDS_PasswordComplexityEnabled="TRUE",
        msDS_MinimumPasswordLength="15",
        msDS_MinimumPasswordAge="-864000000000",
        msDS_MaximumPasswordAge="-9223372036854775808",
        msDS_LockoutThreshold="3",
        msDS_LockoutObservationWindow="-18000000000",
        msDS_LockoutDuration="-18000000000",
    )
    domain.link(dn, applies_to, attribute="msDS-PSOAppliesTo")
    return dn


@image
def policies_of_the_image(domain: Domain) -> None:
    """A group policy, a linked unit, and password settings."""
    _policy(domain, OLD_POLICY)
    domain.ou("Ruled")
    domain.set(f"OU=Ruled,{domain.base}", gPLink=f"[LDAP://CN={OLD_POLICY},CN=Policies,{domain.system};0]")
    _settings(domain, "old-settings", domain.group("ruled"))


@change
def password_settings(domain: Domain) -> None:
    """A PSO that applies to a new group."""
    _settings(domain, "settings", domain.group("strict"))


@change
def password_settings_of_the_image(domain: Domain) -> None:
    """Stricter, and for somebody else."""
    dn = f"CN=old-settings,CN=Password Settings Container,{domain.system}"
    domain.set(dn, msDS_MinimumPasswordLength="25")
    domain.set(dn, msDS_PSOAppliesTo=domain.group("ruled-instead"))


@change
def domain_password_policy_that_refuses_everything(domain: Domain) -> None:
    """Longer than any password there is, and a long minimum age: what is restored must pass all the same."""
    domain.set(
        domain.base, minPwdLength="120", pwdHistoryLength="3", lockoutThreshold="7", minPwdAge="-864000000000",
        pwdProperties="1", maxPwdAge="-36288000000000",
    )  # fmt: skip


@change
def group_policy(domain: Domain) -> None:
    """A new one, linked, and its version counted up."""
    dn = _policy(domain, NEW_POLICY)
    domain.set(dn, versionNumber="65537", gPCMachineExtensionNames="[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}]")
    domain.set(domain.ou("Ruled2"), gPLink=f"[LDAP://{dn};0]", gPOptions="1")


@change
def group_policy_of_the_image_deleted(domain: Domain) -> None:
    """With its children, and the link taken off."""
    domain.set(f"OU=Ruled,{domain.base}", gPLink=())
    domain.delete(f"CN={OLD_POLICY},CN=Policies,{domain.system}", subtree=True)
