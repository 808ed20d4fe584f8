"""How long a DC takes to open when it is booted through adpersist."""
