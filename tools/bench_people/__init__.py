"""A directory of a hundred thousand people: looks, large deeds, and what a revert takes of them."""
