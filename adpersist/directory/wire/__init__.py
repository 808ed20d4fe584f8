"""Protocol facts, each with the section of the specification it comes from; pure, no I/O."""
