"""``adpersist check``: prove the journal."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, loaded, settle
from adpersist.errors import ConfigError, ExitCode
from adpersist.journal.check import Known, Verdict, check_journal
from adpersist.journal.damage import DamagedError
from adpersist.journal.head import open_head
from adpersist.journal.keys import KeyEncryption
from adpersist.journal.timelines import Span
from adpersist.model.head import Head
from adpersist.model.ids import Seq
from adpersist.stores.port import Store

_KNOWN: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.IGNORECASE)


def check(
    ctx: typer.Context,
    start: Annotated[int, typer.Option("--from", help="Begin at this commit.", min=1, metavar="SEQ")] = 1,
    known: Annotated[
        str | None,
        typer.Option(
            "--known",
            help="A commit known to have been written, as an earlier check printed it.",
            metavar="SEQ:DIGEST",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove chain, seals, head and checkpoints, and say what of a damaged journal can still be restored.

    Exit code 8 when anything is damaged. Classes: `gap` (something is missing), `corrupt` (a disk's doing), `forged`
    (somebody's doing), `store-behind` (whole, but older than `--known`). Reads everything, changes nothing, needs no
    DC; works while the agent runs. A store that was rolled back as a whole looks sound by itself: keep the last line
    of a check somewhere else and hand it back with `--known`.
    """
    from adpersist.agent import access

    common = settle(ctx, config, as_json)
    settings = loaded(common)
    vouched = _known(known)
    store = access.store(settings, None)
    key = access.key(settings)
    try:
        tip = _tip(store, key)
        with output.Bar(shown=not common.as_json) as bar:
            verdict = check_journal(
                store,
                key,
                after=Seq(start - 1),
                known=vouched,
                progress=lambda seq, last: bar.counting("proving commits", seq, last),
            )
    finally:
        store.close()
    if common.as_json:
        output.machine(
            _document(verdict, {"seq": tip.seq, "digest": tip.digest.hex()} if tip and not verdict.findings else None)
        )
    elif verdict.findings:
        rows = ((str(e.damage), str(e.part), _range(e.first, e.last), e.message) for e in verdict.findings)
        output.table(f"Damaged places: {len(verdict.findings)}", ("class", "part", "commits", "what"), rows)
        output.say(f"Still restorable: {_spans(verdict.restorable)}")
    elif tip is not None:
        output.say(
            f"ok: {verdict.commits} commits, {verdict.size} bytes, chain, seals and head are as they were written."
        )
        output.say(f"Restorable: {_spans(verdict.restorable)}. Known: {tip.seq}:{tip.digest.hex()}")
    raise typer.Exit(int(ExitCode.INTEGRITY if verdict.findings else ExitCode.OK))


def _tip(store: Store, key: KeyEncryption) -> Head | None:
    """The head before the check, so that what is proven reaches that far at least; None when it is damaged."""
    try:
        return open_head(store.head(), key).head
    except DamagedError:
        return None


def _known(text: str | None) -> Known | None:
    if text is None:
        return None
    found = _KNOWN.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"{text!r} is no known commit", hint="Say SEQ:DIGEST, as the last line of `adpersist check` has it."
        )
    return Known(seq=Seq(int(found[1])), digest=bytes.fromhex(found[2]))


def _document(verdict: Verdict, head: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "ok": not verdict.findings,
        "commits": verdict.commits,
        "bytes": verdict.size,
        "head": head,
        "findings": [
            {
                "class": str(each.damage),
                "part": str(each.part),
                "first": each.first,
                "last": each.last,
                "message": each.message,
            }
            for each in verdict.findings
        ],
        "restorable": [{"after": span.after, "through": span.through} for span in verdict.restorable],
    }


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _spans(spans: Sequence[Span]) -> str:
    return ", ".join(_range(span.after + 1, span.through) for span in spans) or "none"
