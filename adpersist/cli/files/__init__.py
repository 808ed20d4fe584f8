"""Commands about SYSVOL and the local databases: files list, files show, files restore."""
