"""The web console: what the journal tells, for a browser on this machine, and nothing else.

In: an open journal, requests on loopback. Out: pages, each with a JSON twin. Read `record` (what
pages ask), `indexed_desk` (answered by the index, kept current), `desk` (the journal in memory, where there is none),
`in_memory` and `register` (what is looked up in that), `change_filter` and `views` (a question to a document), `app` (a
document to an answer), `server`; for who may ask, `access`. There is no script at all: a page is a URL.
"""
