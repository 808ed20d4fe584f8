"""What many large domains would take of an Azure table, by its published limits: `tools/bench scale`.

`rows` measures what an object and a change take, in rows of this project's own layout; `model` multiplies. Nothing
of it is run against Azure.
"""
