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
    from adpersist.journal.upkeep.repair import Repaired
    from adpersist.model.journal.head import Head, Writer
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
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Note what is lost, and go on without it; then prove the rest."),
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
    (somebody's doing), `stray` (frames behind the head), `store-behind` (whole, but older than the DC or `--known`
    knows). Reads everything, changes nothing but with `--repair` or `--repair-head`; works while the agent runs. A
    store that was rolled back as a whole looks sound by itself: the DC is asked which commit it was told of last, if it
    can be reached. Where it cannot, keep the line with `KnownCommit` of a check somewhere else and hand it back with
    `--known`.

    With `--repair` the journal goes on: a store's file that is damaged itself is written anew, while nobody else has it
    open, with all that can be read of it; a lost head is rebuilt, frames behind the head are taken up where they follow
    it and removed where not, damaged checkpoints count no more, and lost commits are noted as lost: whatever needs none
    of them can be restored as before. Where the newest state needs one, a new timeline begins: the agent looks at the
    whole DC and saves all of it. Nothing sound is given up; a store's backup, where there is one, is better still.
    """
    from adpersist.agent import connections
    from adpersist.agent.canary_check import CanaryAnswer, ask_for_canary
    from adpersist.journal.appending import spare_head
    from adpersist.journal.holder import Role, handed_back, new_writer
    from adpersist.journal.upkeep.check import check_journal, with_damage_below
    from adpersist.stores import registry

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    vouched = _known(known)
    key = connections.key(settings)
    store = connections.store(settings, None)
    anew = registry.salvaged(settings.store.url) if repair else None
    try:
        writer, expected = handed_back(new_writer(Role.VISITOR)), settings.journal.id or None
        mended = (
            spare_head.repair(store, key, writer=writer, now=time.time(), expected=expected)
            if repair_head or repair
            else None
        )
        tip = _opened(store, key, expected)
        done = _repaired(tip, store, key, writer, shown=not common.as_json) if repair and tip else ()
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
        below = registry.damage_below(settings.store.url)
    finally:
        store.close()
    if below is not None:
        verdict = with_damage_below(verdict, below)
    proven = tip.head if tip and not verdict.findings else None
    if common.as_json:
        kept = {"kept": str(anew.kept), "rows": anew.rows} if anew else None
        deeds = {"repaired": [_deeds(each) for each in done], "written_anew": kept}
        output.machine(_document(verdict, proven, asked, mended) | deeds)
    else:
        if anew is not None:
            output.say(
                f"Written anew: the store's file, with {anew.rows} rows. The damaged one is kept as {anew.kept}."
            )
        for each in done:
            _print_repaired(each)
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


def _repaired(
    journal: "Journal", store: "Store", key: "KeyEncryption", writer: "Writer", *, shown: bool
) -> "tuple[Repaired, ...]":
    """What lies behind the head first: a commit that is taken up is one that is not lost."""
    from adpersist.journal.upkeep.check import check_journal
    from adpersist.journal.upkeep.repair import Repaired

    behind = journal.take_up(writer, now=time.time())
    with output.Bar(shown=shown) as bar:
        found = check_journal(store, key, progress=lambda seq, last: bar.counting("looking for damage", seq, last))
    done = behind, journal.go_on(found, writer, now=time.time())
    return tuple(each for each in done if each != Repaired())


def _deeds(done: "Repaired") -> dict[str, Any]:
    return {
        "taken_up": done.taken_up,
        "removed": done.removed,
        "lost": [{"first": each.first, "last": each.last} for each in done.lost],
        "checkpoints": list(done.checkpoints),
        "goes_on_from": done.goes_on_from,
    }


def _print_repaired(done: "Repaired") -> None:
    if done.taken_up:
        output.say(f"Taken up: {done.taken_up} commits that lay behind the head.")
    if done.removed:
        output.say("Removed: frames behind the head that do not follow it.")
    for each in done.lost:
        output.say(f"Noted as lost: commits {_range(each.first, each.last)}.")
    for seq in done.checkpoints:
        output.say(f"Counts no more: the checkpoint at commit {seq}.")
    if done.goes_on_from is not None:
        place = f"commit {done.goes_on_from}, the newest that can be told" if done.goes_on_from else "nothing"
        output.say(
            f"A new timeline goes on from {place}: the agent looks at the whole DC, then all of it is there again."
        )


def _known(text: str | None) -> "tuple[KnownCommit, ...]":
    from adpersist.journal.upkeep.check import KnownCommit

    if text is None:
        return ()
    found = _KNOWN.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is no known commit", hint="Say SEQ:DIGEST, as `adpersist check` prints it.")
    return (KnownCommit.exactly(Seq(int(found[1])), bytes.fromhex(found[2])),)


def _print(verdict: "CheckReport", proven: "Head | None", asked: "CanaryAnswer", mended: "Head | None") -> None:
    from adpersist.journal.damage import Damage

    if mended is not None:
        output.say(f"The head was rebuilt, up to commit {mended.seq}.")
    if verdict.findings:
        rows = ((str(e.damage), str(e.part), _range(e.first, e.last), e.message) for e in verdict.findings)
        output.table(f"Damaged places: {len(verdict.findings)}", ("class", "part", "commits", "what"), rows)
        output.say(f"Still restorable: {_spans(verdict.restorable)}")
        if any(each.damage is Damage.NEWER for each in verdict.findings):
            output.say("A newer adpersist writes this journal: install that version here; repair nothing.")
        else:
            output.say("`adpersist check --repair` notes what is lost and goes on with the rest.")
    elif proven is not None:
        output.say(
            f"ok: {verdict.commits} commits, {verdict.size} bytes, chain, seals and head are as they were written."
        )
        output.say(f"Restorable: {_spans(verdict.restorable)}. Known: {proven.seq}:{proven.digest.hex()}")
    if verdict.lost:
        lost = ", ".join(_range(each.first, each.last) for each in verdict.lost)
        output.say(f"Lost for good, as noted by a repair: {lost}")
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
        "lost": [{"first": each.first, "last": each.last} for each in verdict.lost],
        "restorable": [{"after": span.after, "through": span.through} for span in verdict.restorable],
    }


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _spans(spans: "Sequence[Span]") -> str:
    return ", ".join(_range(span.after + 1, span.through) for span in spans) or "none"
