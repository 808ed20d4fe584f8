"""Capture, measured on real DCs: `tools/bench capture`.

Every figure is the median of several runs and, where there is a plain way to do the same, a ratio to it: `ldapsearch`
writing LDIF for a look at everything, a loop that only reads for latency, the DC's own answer for a burst. The two are
run by turns, so that both meet the same machine.
"""
