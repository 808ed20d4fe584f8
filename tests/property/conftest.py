"""How long an example takes says how busy the machine is, and nothing of the program."""

from hypothesis import HealthCheck, settings

settings.register_profile("adpersist", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("adpersist")
