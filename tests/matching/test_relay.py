"""The relay: keeps what is left for a mailbox until its owner reads it, within limits, and forgets without a trace."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from matching.errors import HandleUnknown, MailboxFull, MessageTooLong, RelayFull, RelayUnavailable
from matching.mailbox import MailboxSecret
from matching.relay import OVERHEAD_BYTES, Relay, RelayLimits, SqliteRelay
from matching.session import Session
from tests.matching.pairing import ATAXIA, NOW, RULE, SEIZURE, World, matches

DAY_S = 86_400
LIMITS = RelayLimits(max_message_bytes=4096, max_mailbox_messages=5, max_mailboxes=3, message_days=2, mailbox_days=4)


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def relay(tmp_path: Path, clock: Clock) -> Iterator[SqliteRelay]:
    made = SqliteRelay(tmp_path / "relay.sqlite", now=clock, limits=LIMITS)
    yield made
    made.shut()


@pytest.fixture
def mailbox(relay: SqliteRelay) -> MailboxSecret:
    secret = MailboxSecret.generate()
    relay.open(secret)
    return secret


def stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def contents(relay: Relay, mailbox: MailboxSecret) -> list[bytes]:
    return [message.data for message in relay.fetch(mailbox)]


def test_two_sessions_talk_through_a_relay_that_sees_ciphertext_only(tmp_path: Path, clock: Clock) -> None:
    relay = SqliteRelay(tmp_path / "relay.sqlite", now=clock)
    pair = matches(*World().patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    boxes = [match.pending.mailbox for match in pair]
    for box in boxes:
        relay.open(box)
    sides = [Session.start(match, RULE) for match in pair]
    (one, first), (two, _) = sides
    assert first is not None
    relay.put(one.handle, first)
    (message,) = relay.fetch(boxes[1])
    reply = two.receive(message.data).reply
    relay.delete(boxes[1], up_to=message.number)
    assert reply is not None
    relay.put(two.handle, reply)
    one.receive(contents(relay, boxes[0])[0])
    relay.put(one.handle, one.send("what hurts"))
    seen = stored_bytes(tmp_path)
    assert b"what hurts" not in seen
    for match in pair:
        assert bytes(match.pending.acceptance.key) not in seen
        assert match.pending.offer.offer.match_id not in seen
        assert not any(held.secret.tag in seen for held in match.shared)
    assert [text.text for text in two.receive(contents(relay, boxes[1])[0]).texts] == ["what hurts"]
    relay.shut()


def test_messages_wait_in_order_until_they_are_deleted(relay: SqliteRelay, mailbox: MailboxSecret) -> None:
    for data in (b"one", b"two", b"three"):
        relay.put(mailbox.handle, data)
    assert contents(relay, mailbox) == contents(relay, mailbox) == [b"one", b"two", b"three"]
    assert [message.data for message in relay.fetch(mailbox, after=1, limit=1)] == [b"two"]
    relay.delete(mailbox, up_to=2)
    assert [(message.number, message.data) for message in relay.fetch(mailbox)] == [(3, b"three")]
    relay.delete(mailbox, up_to=3)
    relay.put(mailbox.handle, b"four")
    assert [message.number for message in relay.fetch(mailbox)] == [4]


def test_a_handle_reads_and_deletes_nothing(relay: SqliteRelay, mailbox: MailboxSecret) -> None:
    relay.put(mailbox.handle, b"kept")
    for guess in (MailboxSecret(mailbox.handle * 2), MailboxSecret.generate()):
        with pytest.raises(HandleUnknown):
            relay.fetch(guess)
        with pytest.raises(HandleUnknown):
            relay.delete(guess, up_to=9)
        relay.close(guess)
    assert contents(relay, mailbox) == [b"kept"]


def test_a_mailbox_that_is_not_there_takes_nothing(relay: SqliteRelay, mailbox: MailboxSecret) -> None:
    for handle in (MailboxSecret.generate().handle, b"", mailbox.handle[:-1], mailbox.data):
        with pytest.raises(HandleUnknown):
            relay.put(handle, b"lost")


def test_limits_hold_and_a_read_mailbox_has_room_again(relay: SqliteRelay, mailbox: MailboxSecret) -> None:
    other = MailboxSecret.generate()
    relay.open(other)
    for data in (b"", bytes(4097)):
        with pytest.raises(MessageTooLong):
            relay.put(mailbox.handle, data)
    for _ in range(5):
        relay.put(mailbox.handle, bytes(4096))
    with pytest.raises(MailboxFull):
        relay.put(mailbox.handle, b"one more")
    relay.put(other.handle, b"another's box has room")
    relay.delete(mailbox, up_to=1)
    relay.put(mailbox.handle, b"one more")
    relay.open(MailboxSecret.generate())
    with pytest.raises(MailboxFull):
        relay.open(MailboxSecret.generate())
    relay.open(mailbox)
    assert len(contents(relay, mailbox)) == 5


def test_the_whole_relay_has_a_limit_and_room_again_when_something_is_read(tmp_path: Path, clock: Clock) -> None:
    limit = 128 << 10
    path = tmp_path / "small.sqlite"
    relay = SqliteRelay(path, now=clock, limits=RelayLimits(max_bytes=limit))
    boxes = [MailboxSecret.generate() for _ in range(2)]
    for box in boxes:
        relay.open(box)
    held = 0
    with suppress(RelayFull):
        while held < limit // 4096:
            relay.put(boxes[0].handle, bytes(4096))
            held += 1
    assert limit // 2 < held * 4096 < limit
    assert path.stat().st_size <= limit + 8192
    with pytest.raises(RelayFull):
        relay.put(boxes[1].handle, bytes(4096))
    relay.delete(boxes[0], up_to=held)
    relay.put(boxes[1].handle, b"there is room again")
    assert contents(relay, boxes[1]) == [b"there is room again"]
    relay.shut()


@pytest.mark.parametrize("size", [1, 960, 1089, 5100])
def test_a_message_takes_no_more_than_its_bytes_and_a_page(tmp_path: Path, clock: Clock, size: int) -> None:
    """Sizes just above what fits into a page, or into one more, take the most."""
    path = tmp_path / "filled.sqlite"
    relay = SqliteRelay(path, now=clock)
    boxes = [MailboxSecret.generate() for _ in range(4)]
    for box in boxes:
        relay.open(box)
    before = path.stat().st_size
    for number in range(40):
        relay.put(boxes[number % 4].handle, bytes(size))
    assert path.stat().st_size - before <= 40 * (size + OVERHEAD_BYTES)
    relay.shut()


def test_after_closing_no_byte_is_left(relay: SqliteRelay, mailbox: MailboxSecret, tmp_path: Path) -> None:
    other = MailboxSecret.generate()
    relay.open(other)
    for number in range(5):
        relay.put(mailbox.handle, b"LEFTOVER" * (400 if number else 1))
        relay.put(other.handle, b"STAYS" * 100)
    assert b"LEFTOVER" in stored_bytes(tmp_path)
    relay.close(mailbox)
    relay.close(mailbox)
    left = stored_bytes(tmp_path)
    assert b"LEFTOVER" not in left
    assert mailbox.handle not in left
    assert mailbox.data not in left
    assert len(contents(relay, other)) == 5
    with pytest.raises(HandleUnknown):
        relay.put(mailbox.handle, b"again")


def test_what_was_read_and_deleted_leaves_no_byte(relay: SqliteRelay, mailbox: MailboxSecret, tmp_path: Path) -> None:
    relay.put(mailbox.handle, b"LEFTOVER" * 400)
    relay.delete(mailbox, up_to=1)
    assert b"LEFTOVER" not in stored_bytes(tmp_path)


def test_unread_messages_and_unread_mailboxes_expire(
    relay: SqliteRelay, mailbox: MailboxSecret, clock: Clock, tmp_path: Path
) -> None:
    relay.put(mailbox.handle, b"OLDMESSAGE")
    clock.now += 2 * DAY_S
    assert contents(relay, mailbox) == [b"OLDMESSAGE"]
    clock.now += DAY_S
    assert contents(relay, mailbox) == []
    assert b"OLDMESSAGE" not in stored_bytes(tmp_path)
    clock.now += 5 * DAY_S
    with pytest.raises(HandleUnknown):
        relay.put(mailbox.handle, b"nobody reads")


def test_the_relay_keeps_the_day_and_no_time(tmp_path: Path, relay: SqliteRelay, mailbox: MailboxSecret) -> None:
    relay.put(mailbox.handle, b"data")
    with sqlite3.connect(tmp_path / "relay.sqlite") as reader:
        rows = [*reader.execute("SELECT * FROM mailbox"), *reader.execute("SELECT * FROM message")]
    numbers = {value for row in rows for value in row if isinstance(value, int)}
    assert numbers == {1, 2, NOW // DAY_S}


_PUT_AND_DIE = """
import os, sys
from pathlib import Path
from matching.mailbox import MailboxSecret
from matching.relay import SqliteRelay
relay = SqliteRelay(Path(sys.argv[1]), now=lambda: int(sys.argv[3]))
relay.put(MailboxSecret(bytes.fromhex(sys.argv[2])).handle, b"survives")
os._exit(9)
"""


def test_what_was_taken_survives_a_crash(tmp_path: Path, relay: SqliteRelay, mailbox: MailboxSecret) -> None:
    arguments = [str(tmp_path / "relay.sqlite"), mailbox.data.hex(), str(NOW)]
    died = subprocess.run([sys.executable, "-c", _PUT_AND_DIE, *arguments], check=False)
    assert died.returncode == 9
    assert contents(relay, mailbox) == [b"survives"]


def test_threads_lose_and_mix_nothing(relay: SqliteRelay, mailbox: MailboxSecret) -> None:
    def put(number: int) -> bool:
        try:
            relay.put(mailbox.handle, b"%d" % number)
        except MailboxFull:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = [number for number, done in enumerate(pool.map(put, range(40))) if done]
    assert sorted(contents(relay, mailbox)) == sorted(b"%d" % number for number in taken)
    assert [message.number for message in relay.fetch(mailbox)] == [1, 2, 3, 4, 5]


def test_the_file_is_the_operators_alone_and_foreign_files_are_refused(
    tmp_path: Path, relay: SqliteRelay, clock: Clock
) -> None:
    assert stat.S_IMODE((tmp_path / "relay.sqlite").stat().st_mode) == 0o600
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as made:
        made.execute("CREATE TABLE mine (x)")
    (tmp_path / "text").write_text("no database at all, but long enough to be taken for one" * 20)
    for path in (other, tmp_path / "text", tmp_path / "no" / "folder", tmp_path):
        with pytest.raises(RelayUnavailable):
            SqliteRelay(path, now=clock)


def test_a_mailbox_secret_has_32_bytes_and_is_not_shown() -> None:
    secret = MailboxSecret.generate()
    assert secret.data.hex() not in repr(secret)
    assert len(secret.handle) == 16
    for size in (0, 16, 31, 33):
        with pytest.raises(ValueError):
            MailboxSecret(bytes(size))
