"""Commands that read the journal and need no DC: log, show, history, diff, report, console, export, fleet."""
