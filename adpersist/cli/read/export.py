"""``adpersist export``: a state for other programs."""

import json
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from adpersist.cli import output
from adpersist.cli.options import AtOption, ConfigOption, JsonOption, common_options, loaded, opened_journal
from adpersist.errors import ConfigError
from adpersist.system.files import durable_file
from adpersist.system.standard_streams import while_read

if TYPE_CHECKING:
    from adpersist.cli.options import CommonOptions
    from adpersist.model.identity.ids import Seq
    from adpersist.state.journal_schema import JournalSchema
    from adpersist.state.state import State


def export(
    ctx: typer.Context,
    ldif: Annotated[bool, typer.Option("--ldif", help="As LDIF (RFC 2849).")] = False,
    tar: Annotated[
        bool,
        typer.Option(
            "--tar",
            help="SYSVOL instead, as a tar archive with owners, permissions, extended attributes; with --output.",
        ),
    ] = False,
    at: AtOption = None,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="With password hashes, keys and other secrets. Guard what comes out.")
    ] = False,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this new file, for its owner only.", metavar="PATH"),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole directory as of a point: every living object, containers before what lies in them.

    References are written as the DNs their targets have at that point. Secrets are left out unless asked for. With
    `--json` one JSON object a line, values in base64. Reads only the store: the domain controller may be away. With
    `--tar` SYSVOL, for `tar --xattrs --xattrs-include='*' -xpf` as root; owners are Unix numbers of this DC.
    """
    from adpersist.state.fold import fold
    from adpersist.state.journal_schema import JournalSchema

    common = common_options(ctx, config, as_json)
    if tar:
        _tar(common, at, target)
        return
    if not ldif and not common.as_json:
        raise ConfigError("export as what?", hint="Say --ldif, --json for one JSON object a line, or --tar for SYSVOL.")
    with opened_journal(loaded(common)) as journal:
        point = journal.head.seq if at is None else journal.resolve(at, now=time.time())
        state = fold(journal, point)
        name = journal.head.identity.dns_name
    facts = JournalSchema.of(state)
    parts = _ldif(state, facts, point, name, secrets=secrets) if ldif else _lines(state, facts, secrets=secrets)
    count = _write(parts, target)
    if target is not None:
        output.say(f"{count} objects of commit {point} are in {target}.")


def _tar(common: "CommonOptions", at: str | None, target: Path | None) -> None:
    from adpersist.cli.files.files import files_at
    from adpersist.reading.file_archive import write_archive

    if target is None:
        raise ConfigError("an archive needs a file to lie in", hint="Name a new one with --output PATH.")
    with opened_journal(loaded(common)) as journal:
        point, files = files_at(journal, at)
        try:
            with durable_file.created(target) as file:
                count = write_archive(journal, point, files, file)
        except OSError as error:
            raise _unwritable(target, error) from error
    if common.as_json:
        output.machine({"at": point, "files": count, "output": str(target)})
    else:
        output.say(f"{count} files and folders of SYSVOL at commit {point} are in {target}.")


def _unwritable(target: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {target}: {error.strerror}", hint="Name a new file in a directory you may write to."
    )


def _ldif(state: "State", facts: "JournalSchema", point: "Seq", name: str, *, secrets: bool) -> Iterator[bytes]:
    from adpersist.reading.ldif import records

    with_or_without = "with" if secrets else "without"
    begin = f"version: 1\n# {name} as of commit {point}, {with_or_without} secrets; by adpersist\n\n".encode()
    for record in records(state, facts, secrets=secrets):
        yield begin + record
        begin = b""


def _lines(state: "State", facts: "JournalSchema", *, secrets: bool) -> Iterator[bytes]:
    from adpersist.reading.ldif import Names

    names = Names(state, facts)
    for item in sorted((each for each in state.values() if not each.deleted), key=lambda each: names.key(each.guid)):
        document = {
            "dn": names.dn(item.guid),
            "guid": output.guid(item.guid),
            "attributes": {
                name: [b64encode(names.resolved(name, value)).decode() for value in values]
                for name, values in sorted({**item.values, **{n: tuple(r) for n, r in item.links.items()}}.items())
                if secrets or not facts.is_secret(name)
            },
        }
        yield json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _write(parts: Iterator[bytes], target: Path | None) -> int:
    if target is None:
        count = _copied(while_read(parts), sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return count
    try:
        with durable_file.created(target) as file:
            return _copied(parts, file)
    except OSError as error:
        raise _unwritable(target, error) from error


def _copied(parts: Iterator[bytes], file: BinaryIO) -> int:
    count = 0
    for part in parts:
        file.write(part)
        count += 1
    return count
