"""A heal, or a span of time, as one page and its JSON.

In: a journal. Out: documents (`heal`, `span`), the HTML made of them (`page`, `time_line`), files (`writing`). Read in
that order. A document is plain JSON: docs/console.md names its keys.
"""
