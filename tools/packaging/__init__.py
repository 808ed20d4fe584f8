"""Packages of adpersist: a Debian package with everything it needs in it, a wheel and an sdist, all of one commit.

In: a commit of this repository, and the locks (`python3.11.lock`, `python3.13.lock`: what is in the package, with
hashes; `tools/locks`: what `tools/setup` installs). Out: files in `dist/`. Read `__main__` (what is asked for),
`debian` (the package's tree), `locking`, `advisories` (what is known against what is locked), `words` (the command line
as the help has it), from which `manual` and `completions` are made; `NEWS.Debian` tells administrators what an upgrade
changes for them, the folder `scripts/` holds what dpkg runs. `trial` installs the package on a fresh Debian and lives
through reverts there, `machine` boots that Debian.
"""
