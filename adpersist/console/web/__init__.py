"""The web console: what the journal tells, for a browser on this machine, and nothing else.

In: an open journal, requests on loopback. Out: pages, each with a JSON twin. Read `record` (what
pages ask), `by_index` (answered by the index), `in_memory` and `register` (by all of the journal in memory, where there
is none), `desk` (which of the two, kept current), `change_filter` and `views` (a question to a document), `app` (a
document to an answer), `server`; for who may ask, `access`. There is no script at all: a page is a URL.
"""
