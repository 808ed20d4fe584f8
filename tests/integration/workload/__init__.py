"""What happens to a directory: every kind of object and change an administrator, a machine or an attacker brings about.

Run by Debian's python3, which has Samba's own bindings, as a process of its own; nothing of adpersist is in it. Each
function marked ``@change`` is one kind; ``@image`` ones furnish the golden image beforehand, ``@local`` ones write to
the reverted DC before anybody restores it. The registers can be imported anywhere, only ``domain`` needs Samba.

    python3 -m tests.integration.workload image|change|local CHAPTER,... DATABASE-URL SMB.CONF
"""
