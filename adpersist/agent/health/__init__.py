"""How this process fares: numbers and reasons for monitoring, never a value of the directory.

Read `agent_health` (what is known), `endpoint` (/healthz and /metrics), `metered_store` (a store that counts).
"""
