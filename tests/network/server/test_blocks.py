"""Blocks: only whole ones that a hospital signed come in, all of them come out, and none that is anchored goes."""

import io
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from clinic.cards import current_card
from clinic.clock import rfc3339, year_of
from ledger.bodies import AnchorBlocks, BlockAnchor, Role
from ledger.records import Member
from ledger.state import State
from network import wire
from network.errors import AnswerInvalid
from network.server import downloads
from network.server.limits import Limits
from scheme import canonical, chain, chapter, seal
from scheme.block import Block
from scheme.header import BlockHeader
from scheme.keys import SigningKey
from scheme.scopes import Category
from scheme.seal import Part, PayloadSource, SealedBlock
from tests.clinic.scene import Template, draft
from tests.network.server.serving import Served, problem, serving

NOWHERE = "ab" * 32


@pytest.fixture
def stored(served: Served) -> tuple[str, bytes]:
    """A block that is anchored."""
    return served.sealed(draft(text="potassium 4.10 mmol/l" * 5000))[0]


def path_of(locator: str) -> str:
    return wire.BLOCK.format(locator=locator)


def relinked(data: bytes, hospital: SigningKey, index: int = 7, previous: str = "cd" * 32) -> tuple[str, bytes]:
    """The same ciphertext for another place, which ``hospital`` signed: a block that is not anchored."""
    found = Block.open(io.BytesIO(data))
    header = found.header.placed(index, previous).sign(hospital)
    sealed = SealedBlock.of(header, [member.crc for member in found.members])
    return header.locator, data[: sealed.end] + seal.tail(sealed, header)


def test_a_block_goes_in_and_comes_out_as_it_is(served: Served, stored: tuple[str, bytes]) -> None:
    locator, data = relinked(stored[1], served.riverside.signing)
    for _ in range(2):  # the same again gives the same receipt
        answer = served.call("PUT", path_of(locator), data, by=served.author)
        assert answer.json() == {"locator": locator, "size_bytes": len(data)}
    assert served.stored(locator) == data
    assert served.call("GET", path_of(locator)).content == data
    head = served.call("HEAD", path_of(locator))
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(data)))
    assert list(served.services.incoming.iterdir()) == []


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 9), (5, 105), (100, 10**9)])
def test_a_range_is_those_bytes(served: Served, stored: tuple[str, bytes], start: int, end: int) -> None:
    locator, data = stored
    answer = served.call("GET", path_of(locator), headers={"Range": f"bytes={start}-{end}"})
    last = min(end, len(data) - 1)
    assert answer.status_code == 206
    assert answer.content == data[start : last + 1]
    assert answer.headers["content-range"] == f"bytes {start}-{last}/{len(data)}"


def test_a_range_may_be_open_behind_the_end_or_not_understood(served: Served, stored: tuple[str, bytes]) -> None:
    locator, data = stored
    assert served.call("GET", path_of(locator), headers={"Range": "bytes=10-"}).content == data[10:]
    behind = served.call("GET", path_of(locator), headers={"Range": f"bytes={len(data)}-"})
    assert problem(behind) == (416, "range-invalid")
    for ignored in ("bytes=-5", "bytes=0-1,3-4", "lines=1-2", "bytes=99999999999999999999-"):
        answer = served.call("GET", path_of(locator), headers={"Range": ignored})
        assert (answer.status_code, answer.content) == (200, data)


def test_what_is_not_there_is_told(served: Served) -> None:
    for method in ("GET", "DELETE"):
        answer = served.call(method, path_of(NOWHERE))
        assert problem(answer) == (404, "block-not-found")
        assert "file:" not in answer.text  # where the store is, is the hospital's own business
    head = served.call("HEAD", path_of(NOWHERE))
    assert (head.status_code, head.headers["Chartseal-Error"]) == (404, "block-not-found")
    assert problem(served.call("GET", path_of(NOWHERE), headers={"Range": "bytes=0-1"})) == (404, "block-not-found")


def test_many_blocks_come_in_one_answer_in_the_order_asked_for(served: Served) -> None:
    blocks = dict(served.sealed(*(draft(text=f"note {number}") for number in range(12))))
    asked = [*blocks, NOWHERE, *reversed(blocks)]
    answer = served.call("POST", wire.BLOCKS_FETCH, {"locators": asked})
    frames = [
        (frame.locator, None if frame.size_bytes is None else b"".join(frame.chunks))
        for frame in wire.frames([answer.content])
    ]
    assert frames == [(locator, blocks.get(locator)) for locator in asked]


def test_large_blocks_stream_among_small_ones(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = dict(served.sealed(draft(text="small"), draft(text=secrets.token_bytes(20_000)), draft(text="another")))
    monkeypatch.setattr(downloads, "PIECE_BYTES", 5000)
    answer = served.call("POST", wire.BLOCKS_FETCH, {"locators": list(blocks)})
    found = {frame.locator: b"".join(frame.chunks) for frame in wire.frames([answer.content])}
    assert found == blocks
    assert max(map(len, blocks.values())) > 5000 > min(map(len, blocks.values()))


def test_an_answer_that_breaks_off_is_cut_not_ended(served: Served, stored: tuple[str, bytes]) -> None:
    """The store loses a block between two pieces: what arrives is too short to be taken for a whole answer."""
    locator, data = stored
    pieces = downloads.framed(served.services.site.store, [locator])
    first = next(pieces)[: wire.FRAME_HEAD_BYTES + 10]
    with pytest.raises(AnswerInvalid):
        list(wire.frames([first]))
    assert len(data) > 10


@pytest.mark.parametrize(
    "body",
    [{"locators": []}, {"locators": ["ab"]}, {"locators": [NOWHERE] * 4097}, {"locators": "ab"}, {}, {"more": 1}],
)
def test_what_is_no_list_of_locators_is_refused(served: Served, body: dict[str, object]) -> None:
    answer = served.call("POST", wire.BLOCKS_FETCH, body)
    assert problem(answer) == (422, "message-invalid")
    assert "ab" * 32 not in answer.text


@pytest.mark.parametrize(
    "locator", ["ab", "AB" * 32, "..", "%2e%2e", "ab" * 32 + "%0a", "ab" * 32 + ".json", "%c3%a9" * 64]
)
def test_nothing_but_a_locator_reaches_the_store(served: Served, locator: str) -> None:
    answer = served.call("GET", f"/v1/blocks/{locator}")
    assert answer.status_code in {401, 404, 422}
    assert problem(answer)[1] in {"message-invalid", "no-such-path", "signature-refused"}


def test_only_a_whole_block_of_a_hospital_is_taken(served: Served, stored: tuple[str, bytes]) -> None:
    locator, data = relinked(stored[1], served.riverside.signing)
    flipped = bytearray(data)
    flipped[200] ^= 1
    foreign = SigningKey.generate()
    outsider = _sealed_by(served, foreign)
    refused = [
        (locator, data[:-1]),
        (locator, bytes(flipped)),
        (locator, data + b"\0"),
        (locator, b"anything"),
        (locator, b""),
        (NOWHERE, data),
        outsider,
    ]
    for name, content in refused:
        answer = served.call("PUT", path_of(name), content, by=served.author)
        assert answer.status_code == 422, content[:20]
        assert problem(answer)[1] in {"block-damaged", "message-invalid"}
        assert not served.services.site.store.exists(name)


def test_members_are_gone_through_once_for_many_blocks(
    served: Served, stored: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not for every block of a hospital that is none."""
    asked, members = 0, State.members

    def counted(state: State) -> tuple[Member, ...]:
        nonlocal asked
        asked += 1
        return members(state)

    monkeypatch.setattr(State, "members", counted)
    locator, data = relinked(stored[1], served.riverside.signing)
    for _ in range(2):
        assert served.call("PUT", path_of(locator), data, by=served.author).status_code == 200
        name, content = _sealed_by(served, SigningKey.generate())
        assert problem(served.call("PUT", path_of(name), content, by=served.author)) == (422, "message-invalid")
    assert asked == 1


def test_a_hospital_enrolled_while_the_server_runs_is_known(served: Served) -> None:
    name, content = _sealed_by(served, SigningKey.generate())
    assert problem(served.call("PUT", path_of(name), content, by=served.author)) == (422, "message-invalid")
    authority = served.members["authority"]
    person = served.home.enrol(served.services.site, authority, Role.HOSPITAL, "new", hospital=None, password="")
    name, content = _sealed_by(served, served.home.hospital(person.member_id).signing)
    assert served.call("PUT", path_of(name), content, by=served.author).status_code == 200


def _sealed_by(served: Served, hospital: SigningKey) -> tuple[str, bytes]:
    """A sound block of a chapter of its own, which ``hospital`` signed."""
    card = current_card(served.services.site.cards, served.services.site.state(), served.patient.member_id)
    now = served.clock()
    scope = card.scope_for(Category.LABORATORY, year_of(now))
    chain_id = chain.chain_id(served.patient.member_id, served.riverside.member_id)
    begun = chapter.begin(
        scope.public_key, card.wrapping_key, chain=chain_id, scope=scope.id, hospital=hospital.verifying_key.key_id
    )
    sink = io.BytesIO()
    sealed = seal.seal_members(
        sink, *begun, [PayloadSource(io.BytesIO(b"text"), [Part("note.txt", "text/plain")])],
        author_id=served.author.member_id, author=served.author.signing, sealed_at=rfc3339(now),
    )  # fmt: skip
    header = sealed.draft.sign(hospital)
    return header.locator, sink.getvalue() + seal.tail(sealed, header)


def test_an_anchored_block_is_never_deleted_and_an_orphan_is(served: Served, stored: tuple[str, bytes]) -> None:
    assert problem(served.call("DELETE", path_of(stored[0]), by=served.author)) == (409, "block-anchored")
    locator, data = relinked(stored[1], served.riverside.signing)
    served.call("PUT", path_of(locator), data, by=served.author)
    assert served.call("DELETE", path_of(locator), by=served.author).status_code == 204
    assert not served.services.site.store.exists(locator)
    assert served.services.site.store.exists(stored[0])


def test_a_block_that_is_too_large_is_refused_before_it_is_read(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, Limits(max_block_bytes=1000)) as served:
        answer = served.call("PUT", path_of(NOWHERE), bytes(1001))
        assert problem(answer) == (413, "too-large")

        async def unannounced():  # type: ignore[no-untyped-def]
            for _ in range(20):
                yield bytes(100)

        signature = served.signature("PUT", path_of(NOWHERE), bytes(2000))
        answer = served.send("PUT", path_of(NOWHERE), unannounced(), signature)
        assert problem(answer) == (413, "too-large")
        assert list(served.services.incoming.iterdir()) == []


def test_a_full_disk_is_told(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, Limits(reserved_bytes=1 << 60)) as served:
        assert problem(served.call("PUT", path_of(NOWHERE), b"x")) == (507, "server-disk-full")
        letter = wire.LETTER.format(reader=served.other.member_id, letter="ab" * 16)
        assert problem(served.call("PUT", letter, b"x")) == (507, "server-disk-full")


def test_a_store_without_urls_says_so(served: Served) -> None:
    for method in ("GET", "PUT"):
        answer = served.call("POST", wire.BLOCKS_PRESIGN, {"locators": [NOWHERE], "method": method})
        assert problem(answer) == (404, "presign-unsupported")
    answer = served.call("POST", wire.BLOCKS_PRESIGN, {"locators": [NOWHERE], "method": "DELETE"})
    assert problem(answer) == (422, "message-invalid")


# The hospital's links, and anchoring what they are for


def drafted(served: Served) -> tuple[BlockHeader, bytes]:
    """The header of a block that waits for its place, and the block as if it had one."""
    _, data = _sealed_by(served, served.riverside.signing)
    return replace(Block.open(io.BytesIO(data)).header, signature=b""), data


def test_an_author_elsewhere_seals_links_uploads_and_anchors(served: Served, stored: tuple[str, bytes]) -> None:
    header, data = drafted(served)
    asked = {"patient": served.patient.member_id, "headers": [canonical.b64(header.unsigned)]}
    answer = served.call("POST", wire.LINKS, asked, by=served.author).json()
    assert (answer["index"], answer["previous"]) == (1, stored[0])
    locator, data = relinked(data, served.riverside.signing, answer["index"], answer["previous"])
    linked = Block.open(io.BytesIO(data)).header
    assert canonical.b64(linked.signature) == answer["signatures"][0]
    served.call("PUT", path_of(locator), data, by=served.author).raise_for_status()
    context = linked.chapter.context
    body = AnchorBlocks(
        served.patient.member_id, served.riverside.member_id, served.author.member_id, context.chain, stored[0], 1,
        (BlockAnchor(locator, context.scope, context.chapter, len(data)),),
    )  # fmt: skip
    receipt = wire.receipt_from_json(served.call("POST", wire.ANCHORS, body.to_json(), by=served.author).json())
    entry = next(served.services.site.engine.entries(receipt.position))
    assert (entry.digest, entry.transaction.id) == (receipt.entry_digest, receipt.transaction_id)
    assert served.services.site.state().block(locator) is not None
    assert problem(served.call("POST", wire.ANCHORS, body.to_json(), by=served.author))[0] == 409


def test_links_are_for_who_may_write_there(served: Served) -> None:
    header, _ = drafted(served)
    asked = {"patient": served.patient.member_id, "headers": [canonical.b64(header.unsigned)]}
    assert problem(served.call("POST", wire.LINKS, asked, by=served.reader))[0] == 409
    assert problem(served.call("POST", wire.LINKS, asked, by=served.other))[0] == 409
    other = asked | {"patient": served.other.member_id}
    assert problem(served.call("POST", wire.LINKS, other, by=served.author)) == (409, "seal-refused")


@pytest.mark.parametrize("header", ["", "e30=", "!!", "bm90IGpzb24="])
def test_what_is_no_header_is_not_linked(served: Served, header: str) -> None:
    asked = {"patient": served.patient.member_id, "headers": [header]}
    assert problem(served.call("POST", wire.LINKS, asked, by=served.author)) == (422, "message-invalid")


def test_a_hospital_elsewhere_is_not_anchored_for(served: Served) -> None:
    body = {
        "patient": served.patient.member_id, "hospital": "ab" * 16, "author": served.author.member_id,
        "chain": "ab" * 16, "previous_head": None, "first_index": 0,
        "blocks": [{"locator": NOWHERE, "scope": "ab" * 16, "chapter": "ab" * 16, "size": 1}],
    }  # fmt: skip
    assert problem(served.call("POST", wire.ANCHORS, body, by=served.author)) == (403, "not-permitted")
    assert problem(served.call("POST", wire.ANCHORS, body | {"first_index": -1}, by=served.author))[0] == 422
