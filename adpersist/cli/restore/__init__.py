"""Commands that compare a DC with the journal or change it: guard, boot, plan, restore, verify."""
