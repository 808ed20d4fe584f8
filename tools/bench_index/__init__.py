"""The index of what is where in a journal, measured: `tools/bench index`.

A journal of a large domain is made up, the index is made of it, and the same questions are answered by it and by
folding the journal, in the same run on the same machine; both answers must be the same. All in processor time: what is
read lies in memory by then.
"""
