"""`tools/bench files`: what SYSVOL costs beside a running DC. Read `measures`."""
