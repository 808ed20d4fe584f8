"""`tools/bench restore`: how long a restore takes, against Samba's own tools writing the same content."""
