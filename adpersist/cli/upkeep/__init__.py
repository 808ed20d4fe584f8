"""Commands that keep the journal sound and small: check, checkpoint, prune, copy, key."""
