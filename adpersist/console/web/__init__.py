"""The web console: what the journal tells, for a browser on this machine, and nothing else.

In: an open journal, requests on loopback. Out: pages, each with a JSON twin. Read `desk` (the journal in memory, kept
current), `register` (what is looked up in it), `change_filter` and `views` (a question to a document), `app` (a
document to an answer), `server`; for who may ask, `access`. There is no script at all: a page is a URL.
"""
