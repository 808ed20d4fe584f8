"""Whatever goes into the journal comes out of it the same, and whatever else is there comes out as a typed error."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adpersist.errors import IntegrityError
from adpersist.journal.format.columns.changes import count_changes, pack_changes, unpack_changes, unpack_look
from adpersist.journal.format.columns.packing import decompress, unpack
from adpersist.journal.format.head_fields import pack_head, unpack_head
from adpersist.journal.format.splitting import runs
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.journal.head import (
    Checkpoint,
    CommitId,
    Head,
    Identity,
    Mark,
    Phase,
    Position,
    Quarantined,
    Timeline,
    Witness,
    Writer,
)
from adpersist.model.objects.audit import Audited, AuditLine
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.stores.port import Frame, StoredHead
from tests.cases import cases
from tests.golden.journal_samples import AGENT, NOON, TamperedStore, changes_of, fresh_store, key, look, new_journal
from tests.golden.make_journal import small_frames

guids = st.binary(min_size=16, max_size=16).map(Guid)
names = st.sampled_from(["cn", "member", "unicodePwd", "nTSecurityDescriptor"]) | st.text(max_size=12)
numbers = st.integers(0, 2**63 - 1)
values = st.binary(max_size=80) | st.binary(min_size=1, max_size=6).map(lambda piece: piece * 2_000)
references = guids.map(lambda target: bytes(ref(target))) | st.binary(max_size=60)
links = st.dictionaries(names, st.frozensets(references, max_size=6), max_size=3)
versions = st.integers(0, 2**32 - 1)
stamps = st.builds(Stamp, version=versions, time=numbers, origin=guids, usn=numbers.map(Usn))
link_stamps = st.builds(
    LinkStamp, version=versions, time=numbers, origin=guids, usn=numbers.map(Usn), present=st.booleans()
)
changes = st.builds(
    Change,
    kind=st.sampled_from([kind for kind in Kind if kind is not Kind.CREATED]),
    guid=guids,
    nc=st.sampled_from(["DC=corp,DC=example", "CN=Schema"]) | st.text(max_size=20),
    parent=st.none() | guids,
    rdn=st.none() | st.text(max_size=20),
    values=st.dictionaries(names, st.lists(values, max_size=4).map(tuple), max_size=4),
    added=links,
    removed=links,
    stamps=st.dictionaries(names, stamps, max_size=4),
    link_stamps=st.dictionaries(names, st.dictionaries(references, link_stamps, max_size=5), max_size=2),
) | st.builds(Change, kind=st.just(Kind.CREATED), guid=guids, nc=st.text(max_size=20), rdn=st.text(max_size=20))
looks = st.lists(changes, max_size=8)
moments = st.integers(-(2**50), 2**50).map(lambda microseconds: microseconds / 1_000_000)
audits = st.builds(
    Audited,
    since=st.none() | moments,
    through=st.none() | moments,
    trouble=st.text(max_size=20),
    lines=st.lists(
        st.builds(
            AuditLine,
            time=moments,
            dn=st.text(max_size=20),
            operation=st.sampled_from(["Add", "Modify", "Delete", "Rename"]) | st.text(max_size=5),
            attributes=st.frozensets(names, max_size=4),
            sid=st.text(max_size=20),
            account=st.text(max_size=20),
            address=st.text(max_size=20),
            service=st.text(max_size=20),
        ),
        max_size=6,
    ).map(tuple),
)

seqs = st.integers(0, 2**63 - 1).map(Seq)
times = st.floats(0, 2**33)
digests = st.binary(min_size=32, max_size=32)
writers = st.builds(Writer, id=st.text(max_size=40), host=st.text(max_size=40), pid=st.integers(0, 2**31))
heads = st.builds(
    Head,
    seq=seqs,
    digest=digests,
    timeline=st.integers(1, 2**31),
    time=st.integers(0, 2**40).map(lambda micro: micro / 1_000_000),
    identity=st.builds(Identity, domain=guids, server=guids, dns_name=st.text(max_size=30)),
    writer=writers,
    phase=st.sampled_from(Phase),
    target=st.none() | seqs,
    complete=st.booleans(),
    settled=st.booleans(),
    position=st.none()
    | st.builds(
        Position,
        cookies=st.dictionaries(st.text(max_size=30), st.binary(max_size=200), max_size=5),
        invocation=guids,
        usn=numbers.map(Usn),
        rid_next=st.integers(0, 2**30),
        canary=seqs,
    ),
    witnesses=st.lists(
        st.builds(
            Witness, seq=seqs, guid=guids, attribute=names, attid=st.none() | st.integers(0, 2**32), stamp=stamps
        ),
        max_size=5,
    ).map(tuple),
    marks=st.lists(st.builds(Mark, name=st.text(max_size=20), seq=seqs, time=times), max_size=3).map(tuple),
    timelines=st.lists(st.builds(Timeline, number=st.integers(2, 99), base=seqs, begins=seqs), max_size=3).map(tuple),
    checkpoints=st.lists(
        st.builds(
            Checkpoint,
            seq=seqs,
            digest=digests,
            time=times,
            parts=st.integers(0, 2**31),
            objects=st.integers(0, 2**31),
            proof=digests,
        ),
        max_size=3,
    ).map(tuple),
    pruned=seqs,
    before_marks=st.none() | st.builds(CommitId, seq=seqs, digest=digests),
    fresh=st.none() | guids,
    scrubbed=times,
    files_left=st.integers(0, 2**31),
    before_use=st.none() | seqs,
    quarantined=st.lists(
        st.builds(Quarantined, guid=guids, dn=st.text(max_size=30), reason=st.text(max_size=30), time=times), max_size=3
    ).map(tuple),
)


@given(looks, st.none() | audits)
def test_changes_come_back_the_same(look_: list[Change], audited: Audited | None) -> None:
    assert unpack_look(pack_changes(look_, audited)) == (tuple(look_), audited)


@given(heads)
def test_heads_come_back_the_same(head: Head) -> None:
    packed = pack_head(head)
    again = unpack_head(
        packed, seq=head.seq, digest=head.digest, timeline=head.timeline, time_us=round(head.time * 1_000_000)
    )
    assert again == head


@given(st.lists(looks, max_size=4))
def test_a_journal_gives_back_what_it_was_given(given_looks: list[list[Change]]) -> None:
    store = fresh_store()
    journal = new_journal(store)
    with small_frames():  # so that looks are split
        for number, each in enumerate(given_looks, start=1):
            look(journal, each, number)
    assert changes_of(Journal.open(store, key())) == [change for each in given_looks for change in each]


@given(looks.filter(bool), st.integers(1, 7), st.none() | audits)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_runs_keep_every_change_in_order(given_look: list[Change], full: int, audited: Audited | None) -> None:
    with pytest.MonkeyPatch.context() as patch:  # frames so small that everything is split
        patch.setattr("adpersist.journal.format.splitting.FULL_BYTES", full * 100)
        patch.setattr("adpersist.journal.format.splitting.MAX_FRAME_BYTES", 2000)
        patch.setattr("adpersist.journal.format.splitting.SLICE_BYTES", 1500)
        found = list(runs(given_look, audited))
    assert [last for _, last in found] == [False] * (len(found) - 1) + [True]
    contents = [b"".join(decompress(piece.compressed) for piece in run) for run, _ in found]
    told = [unpack_look(content) for content in contents]
    assert [count_changes(content) for content in contents] == [len(these) for these, _ in told]
    assert [change for these, _ in told for change in these] == given_look
    assert [line for _, said in told if said for line in said.lines] == list(audited.lines if audited else ())
    for run, _ in found:
        assert [piece.part for piece in run] == list(range(len(run)))


@given(st.binary(max_size=300))
@settings(max_examples=cases(500))
def test_any_bytes_are_changes_or_a_value_error(content: bytes) -> None:
    for decode in (unpack, decompress, unpack_changes, count_changes):
        try:
            decode(content)
        except ValueError:
            continue


@given(looks, st.data())
@settings(max_examples=cases(300))
def test_a_mangled_look_is_changes_or_a_value_error(given_look: list[Change], data: st.DataObject) -> None:
    content = bytearray(pack_changes(given_look, data.draw(st.none() | audits)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert count_changes(bytes(content)) == len(unpack_changes(bytes(content)))
    except ValueError:
        return


@given(heads, st.data())
@settings(max_examples=cases(300))
def test_a_mangled_head_is_a_head_or_a_value_error(head: Head, data: st.DataObject) -> None:
    content = bytearray(pack_head(head))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        unpack_head(bytes(content), seq=Seq(1), digest=b"", timeline=1, time_us=0)
    except ValueError:
        return


@given(st.binary(max_size=400), st.integers(0, 3))
@settings(max_examples=cases(300))
def test_any_bytes_in_the_store_are_an_integrity_error(rubbish: bytes, place: int) -> None:
    store = fresh_store()
    journal = new_journal(store)
    for number in range(1, 4):
        look(journal, [], number)
        journal.mark(f"m{number}", writer=AGENT, now=NOON)
    dishonest = TamperedStore(store)
    if place == 0:
        head = store.head()
        dishonest.fake_head = StoredHead(seq=head.seq, body=rubbish, token=head.token)
    dishonest.tamper = lambda frames: [
        Frame(seq=each.seq, body=rubbish) if each.seq == place else each for each in frames
    ]
    with pytest.raises(IntegrityError):
        _read(Journal.open(dishonest, key()))


def _read(journal: Journal) -> Sequence[object]:
    return list(journal.commits())
