"""Commands that keep the journal sound and small, and tell of it: check, checkpoint, prune, copy, alerts, key."""
