"""``adpersist check``: prove the journal."""

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, common_options, loaded
from adpersist.errors import ConfigError, ExitCode
from adpersist.model.identity.ids import Seq

if TYPE_CHECKING:
    from adpersist.agent.canary_check import CanaryAnswer
    from adpersist.journal.journal import Journal
    from adpersist.journal.keys.key_encryption import KeyEncryption
    from adpersist.journal.timelines import Span
    from adpersist.journal.upkeep.check import CheckReport, KnownCommit
    from adpersist.model.journal.head import Head
    from adpersist.stores.port import Store

_KNOWN: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.IGNORECASE)


def check(
    ctx: typer.Context,
    start: Annotated[int, typer.Option("--from", help="Begin at this commit.", min=1, metavar="SEQ")] = 1,
    repair_head: Annotated[
        bool,
        typer.Option(
            "--repair-head", help="First rebuild a lost or damaged head from its spare; a sound one is left as it is."
        ),
    ] = False,
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
    (somebody's doing), `store-behind` (whole, but older than the DC or `--known` knows). Reads everything, changes
    nothing but with `--repair-head`; works while the agent runs. A store that was rolled back as a whole looks sound by
    itself: the DC is asked which commit it was told of last, if it can be reached. Where it cannot, keep the line with
    `KnownCommit` of a check somewhere else and hand it back with `--known`.
    """
    from adpersist.agent import connections
    from adpersist.agent.canary_check import CanaryAnswer, ask_for_canary
    from adpersist.journal.holder import Role, handed_back, new_writer
    from adpersist.journal.spare_head import repair
    from adpersist.journal.upkeep.check import check_journal

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    vouched = _known(known)
    key = connections.key(settings)
    store = connections.store(settings, None)
    try:
        writer, expected = handed_back(new_writer(Role.VISITOR)), settings.journal.id or None
        mended = repair(store, key, writer=writer, now=time.time(), expected=expected) if repair_head else None
        tip = _opened(store, key, expected)
        asked = ask_for_canary(settings, tip) if tip else CanaryAnswer(why="the head cannot be read")
        with output.Bar(shown=not common.as_json) as bar:
            verdict = check_journal(
                store,
                key,
                expected=expected,
                after=Seq(start - 1),
                known=(*vouched, *(asked.known(tip.seed) if tip else ())),
                progress=lambda seq, last: bar.counting("proving commits", seq, last),
            )
    finally:
        store.close()
    proven = tip.head if tip and not verdict.findings else None
    if common.as_json:
        output.machine(_document(verdict, proven, asked, mended))
    else:
        _print(verdict, proven, asked, mended)
    raise typer.Exit(int(ExitCode.INTEGRITY if verdict.findings else ExitCode.OK))


def _opened(store: "Store", key: "KeyEncryption", expected: str | None) -> "Journal | None":
    """The journal before the check, so that what is proven reaches that far at least; None when the head is damaged."""
    from adpersist.journal.damage import DamagedError
    from adpersist.journal.journal import Journal

    try:
        return Journal.open(store, key, expected=expected)
    except DamagedError:
        return None


def _known(text: str | None) -> "tuple[KnownCommit, ...]":
    from adpersist.journal.upkeep.check import KnownCommit

    if text is None:
        return ()
    found = _KNOWN.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is no known commit", hint="Say SEQ:DIGEST, as `adpersist check` prints it.")
    return (KnownCommit.exactly(Seq(int(found[1])), bytes.fromhex(found[2])),)


def _print(verdict: "CheckReport", proven: "Head | None", asked: "CanaryAnswer", mended: "Head | None") -> None:
    if mended is not None:
        output.say(f"The head was rebuilt, up to commit {mended.seq}.")
    if verdict.findings:
        rows = ((str(e.damage), str(e.part), _range(e.first, e.last), e.message) for e in verdict.findings)
        output.table(f"Damaged places: {len(verdict.findings)}", ("class", "part", "commits", "what"), rows)
        output.say(f"Still restorable: {_spans(verdict.restorable)}")
    elif proven is not None:
        output.say(
            f"ok: {verdict.commits} commits, {verdict.size} bytes, chain, seals and head are as they were written."
        )
        output.say(f"Restorable: {_spans(verdict.restorable)}. Known: {proven.seq}:{proven.digest.hex()}")
    output.say(f"Directory: {_witness(asked)}.")


def _witness(asked: "CanaryAnswer") -> str:
    if asked.why:
        return output.printable(f"not asked whether the store went back: {asked.why}")
    if asked.canary is None:
        return "it remembers nothing of this journal, so it cannot tell whether the store went back"
    return f"it was told of commit {asked.canary.seq}"


def _document(
    verdict: "CheckReport", proven: "Head | None", asked: "CanaryAnswer", mended: "Head | None"
) -> dict[str, Any]:
    return {
        "ok": not verdict.findings,
        "commits": verdict.commits,
        "bytes": verdict.size,
        "head": {"seq": proven.seq, "digest": proven.digest.hex()} if proven else None,
        "head_repaired": mended.seq if mended else None,
        "head_repairable": verdict.rebuilt,
        "directory": {
            "asked": not asked.why,
            "told": asked.canary.seq if asked.canary else None,
            "why": asked.why or None,
        },
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


def _spans(spans: "Sequence[Span]") -> str:
    return ", ".join(_range(span.after + 1, span.through) for span in spans) or "none"
