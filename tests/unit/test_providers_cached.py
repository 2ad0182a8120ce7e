"""What was answered once is not bought again: the response cache and the layer that uses it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from evalrunner.errors import FailureKind, ProviderError, StoreError
from evalrunner.providers.cached import SCHEMA_VERSION, Cached, ResponseCache
from evalrunner.providers.cached.mounts import is_network_filesystem, mounts
from evalrunner.types import Answer, Completion, Request

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
proc /proc proc rw 0 0
fileserver:/export /home nfs4 rw 0 0
/dev/sdb1 /home/local ext4 rw 0 0
//server/share /mnt/my\\040share cifs rw 0 0
me@host:/ /mnt/ssh fuse.sshfs rw 0 0
overlay /mnt/box fuse.fuse-overlayfs rw 0 0
C:\\134 /mnt/c 9p rw 0 0
fileserver:/a /twice nfs rw 0 0
/dev/sdc1 /twice xfs rw 0 0
"""


def request(text="2+2?", *, sample=0):
    return Request.build(
        provider="openai",
        model="gpt-6-luna",
        origin="https://api.openai.com:443",
        path="/v1/responses",
        body={"input": text},
        sample=sample,
    )


def answer(body=b'{"text": "4"}', **changes):
    values = {"started_at": 1.5, "latency_s": 0.25, "attempts": 2, "request_id": "req_1"}
    return Answer(body=body, **{**values, **changes})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "responses.sqlite"


@pytest.fixture
def cache(path):
    opened = ResponseCache(path)
    yield opened
    opened.close()


def change(path, statement, *values):
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement, values)
        database.commit()


class TestResponseCache:
    @pytest.mark.parametrize("body", [b"", b"\xff\x00", b"x" * 4096, b"y" * 100_000])
    def test_answer_comes_back_the_same(self, cache, body):
        kept = answer(body, latency_s=None, request_id=None, service_tier="flex")

        cache.put([(request(), kept)])

        assert cache.get(request().key) == kept
        assert cache.get(request("other").key) is None

    def test_large_bodies_are_compressed(self, cache, path):
        cache.put([(request(), answer(b"y" * 100_000))])
        cache.close()

        assert path.stat().st_size < 50_000

    def test_other_samples_of_a_request_are_other_answers(self, cache):
        cache.put([(request(sample=0), answer())])

        assert cache.get(request(sample=1).key) is None

    def test_nobody_else_may_read_it(self, cache, path):
        cache.put([(request(), answer())])

        modes = [stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()]

        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert len(modes) >= 2
        assert set(modes) == {0o600}

    def test_file_whose_table_was_clustered_by_key_goes_on(self, path):
        """Earlier versions laid the same rows out in another way."""
        ResponseCache(path).close()
        columns = "key BLOB PRIMARY KEY, body, compressed, sha256, origin, model, about, created"
        change(path, "DROP TABLE answers")
        change(path, f"CREATE TABLE answers ({columns}) WITHOUT ROWID")

        with closing(ResponseCache(path)) as cache:
            for body in (b"{}", b'{"text": "4"}'):
                cache.put([(request(), answer(body))])

            assert cache.get(request().key) == answer(b'{"text": "4"}')

    def test_six_processes_write_at_once_and_lose_nothing(self, path):
        """E9: 900 of 900, from the creation of the file on."""
        start = path.with_name("start")
        path.parent.mkdir(mode=0o700)
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITE_150, str(path), str(start), str(n)])
            for n in range(6)
        ]
        start.touch()
        exit_codes = [writer.wait() for writer in writers]

        with closing(sqlite3.connect(path)) as database:
            (found,) = database.execute("SELECT count(*) FROM answers").fetchone()

        assert found == 900
        assert exit_codes == [0] * 6

    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE answers SET body = x'7b7d'",
            "UPDATE answers SET sha256 = x'00'",
            "UPDATE answers SET compressed = 1",
            "UPDATE answers SET body = 'text'",
            "UPDATE answers SET about = '{'",
            "UPDATE answers SET about = '[]'",
        ],
    )
    def test_corrupt_row_is_a_miss_and_is_replaced(self, cache, path, damage):
        """E11."""
        cache.put([(request(), answer())])
        change(path, damage)

        assert cache.get(request().key) is None
        cache.put([(request(), answer())])
        assert cache.get(request().key) == answer()

    def test_flipped_bytes_in_the_file_are_never_an_answer(self, cache, path):
        """E11: each byte of the kept body in turn."""
        body = b"a body that can be found in the file"
        cache.put([(request(), answer(body))])
        cache.close()
        raw = path.read_bytes()
        at = raw.index(body)
        for flipped in range(at, at + len(body)):
            path.write_bytes(raw[:flipped] + bytes([raw[flipped] ^ 1]) + raw[flipped + 1 :])
            damaged = ResponseCache(path)
            found = damaged.get(request().key)
            damaged.close()

            assert found is None

    @pytest.mark.parametrize("about", [{"started_at": 1.0}, {"unknown": 1, "attempts": 1}])
    def test_row_of_another_version_is_a_miss(self, cache, path, about):
        cache.put([(request(), answer())])
        change(path, "UPDATE answers SET about = ?", json.dumps(about))

        assert cache.get(request().key) is None

    def test_newer_file_is_left_alone_with_a_warning(self, path, caplog):
        """E11."""
        ResponseCache(path).close()
        change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        before = path.read_bytes()

        self.unusable(path)

        assert path.read_bytes() == before
        assert f"newer evalrunner, schema {SCHEMA_VERSION + 1}" in caplog.text

    @pytest.mark.parametrize("content", [b"not a database at all " * 100, b"x"])
    def test_file_that_is_no_database_is_left_alone_with_a_warning(self, path, caplog, content):
        """E11."""
        path.parent.mkdir()
        path.write_bytes(content)

        self.unusable(path)

        assert path.read_bytes() == content
        assert "not a database" in caplog.text

    def test_database_of_another_program_is_left_alone_with_a_warning(self, path, caplog):
        """E11."""
        path.parent.mkdir()
        change(path, "CREATE TABLE bookmarks (url TEXT)")
        before = path.read_bytes()

        self.unusable(path)

        assert path.read_bytes() == before
        assert "another program" in caplog.text

    def test_table_that_was_destroyed_ends_the_cache_not_the_run(self, cache, path, caplog):
        change(path, "DROP TABLE answers")

        cache.put([(request(), answer())])

        assert cache.get(request().key) is None
        assert caplog.text.count("going on without it") == 1

    def test_unreadable_table_ends_the_cache_not_the_run(self, cache, path, caplog):
        change(path, "ALTER TABLE answers RENAME COLUMN about TO somewhere")

        assert cache.get(request().key) is None
        assert "cannot be read" in caplog.text

    def test_place_that_cannot_be_written_is_only_a_warning(self, tmp_path, caplog):
        (tmp_path / "file").write_text("in the way")

        self.unusable(tmp_path / "file" / "responses.sqlite")

        assert "cannot be used" in caplog.text

    def test_answer_that_cannot_be_kept_does_not_lock_the_others_out(self, cache, path, caplog):
        odd = replace(request("odd"), model="\ud800")

        cache.put([(request(), answer()), (odd, answer())])
        other = ResponseCache(path)
        other.put([(request("next"), answer())])
        found = other.get(request("next").key)
        other.close()

        assert "cannot be written" in caplog.text
        assert found == answer()

    def test_network_filesystem_is_not_used(self, tmp_path, monkeypatch, caplog):
        """E10: the answers go to the user's own cache directory."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "local"))
        table = f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path}/far nfs4 rw 0 0\n"
        monkeypatch.setattr("evalrunner.providers.cached.database.mounts", lambda: table)

        cache = ResponseCache(tmp_path / "far" / "cache" / "responses.sqlite")
        cache.put([(request(), answer())])
        found = cache.get(request().key)
        cache.close()

        assert found == answer()
        assert cache.path == tmp_path / "local" / "evalrunner" / "responses.sqlite"
        assert not (tmp_path / "far").exists()
        assert "network filesystem" in caplog.text

    def test_machine_without_a_local_place_goes_on_without_a_cache(
        self, tmp_path, monkeypatch, caplog
    ):
        """E10."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
        table = f"server:/x {tmp_path} nfs rw 0 0\n"
        monkeypatch.setattr("evalrunner.providers.cached.database.mounts", lambda: table)

        self.unusable(tmp_path / "responses.sqlite")

        assert "run.cache_dir" in caplog.text
        assert not list(tmp_path.glob("**/*.sqlite"))

    @staticmethod
    def unusable(path):
        cache = ResponseCache(path)
        cache.put([(request(), answer())])

        assert cache.get(request().key) is None
        cache.close()


WRITE_150 = """
import hashlib, sys, time
from pathlib import Path
from evalrunner.providers.cached import ResponseCache
from evalrunner.types import Answer, Request

path, start, writer = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
while not start.exists():
    time.sleep(0.001)
cache = ResponseCache(path)
answer = Answer(body=b"x" * 600, started_at=0.0, latency_s=None, attempts=1, request_id=None)
for row in range(150):
    key = hashlib.sha256(f"{writer}-{row}".encode()).hexdigest()
    cache.put([(Request(provider="p", model="m", origin="", path="", body={}, key=key), answer)])
cache.close()
"""


@pytest.mark.parametrize(
    ("path", "is_network"),
    [
        ("/var/cache", False),
        ("/home/me/.cache/evalrunner", True),
        ("/home/local/cache", False),
        ("/homework", False),
        ("/mnt/my share/cache", True),
        ("/mnt/ssh", True),
        ("/mnt/box/cache", False),
        ("/mnt/c/Users/me", True),
        ("/twice/cache", False),
    ],
)
def test_network_filesystems_are_told_by_their_mount(path, is_network):
    """E10: the longest mount point that holds the path decides, of equal ones the last."""
    assert is_network_filesystem(Path(path), MOUNTS) is is_network


def test_links_to_a_network_filesystem_are_followed(tmp_path):
    """E10."""
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")

    assert is_network_filesystem(tmp_path / "near", f"x / ext4 rw\ny {tmp_path}/far smb3 rw\n")


def test_system_without_a_table_of_mounts_counts_as_local():
    assert not is_network_filesystem(Path("/home"), "")
    assert "/" in mounts()


class Journal:
    """A recorder in memory; answers are on disk once `sync` is called, or at once."""

    def __init__(self, *, at_once=True):
        self.answers = {}
        self.pending = []
        self.copies = []
        self.at_once = at_once

    def recorded(self, key):
        return self.answers.get(key)

    def record(self, request, answer, *, cached, spent_usd):
        future = asyncio.get_running_loop().create_future()
        self.pending.append((future, request.key, answer))
        if cached:
            self.copies.append((request.key, spent_usd))
        if self.at_once:
            self.sync()
        return future

    def sync(self, error=None):
        while self.pending:
            future, key, answer = self.pending.pop()
            if error is None:
                self.answers[key] = answer
                future.set_result(None)
            else:
                future.set_exception(error)


class Api:
    """Answers, after `released` is set; records through the journal as `Recorded` does."""

    def __init__(self, journal, *, error=None):
        self.journal = journal
        self.error = error
        self.asked = []
        self.released = asyncio.Event()
        self.released.set()
        self.closed = False

    async def complete(self, request):
        self.asked.append(request.key)
        await self.released.wait()
        if self.error:
            raise self.error
        durable = self.journal.record(request, answer(), cached=False, spent_usd=None)
        return Completion(text="4", raw=b'{"text": "4"}', attempts=2, durable=durable)

    async def aclose(self):
        self.closed = True


def parse(request, body):
    try:
        return Completion(text=json.loads(body)["text"], raw=body)
    except ValueError as error:
        raise ProviderError("no JSON", kind=FailureKind.BAD_BODY) from error


def layer(api, journal, *, cache=None, mode="use", **changes):
    return Cached(api, parse=parse, recorder=journal, cache=cache, mode=mode, **changes)


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


class TestCached:
    def test_equal_requests_under_way_are_sent_once(self):
        """A24: the first one paid, the others count as cached."""

        async def run():
            journal = Journal()
            api = Api(journal)
            cached = layer(api, journal, mode="off")
            return await asyncio.gather(*(cached.complete(request()) for _ in range(5))), api

        answers, api = asyncio.run(run())

        assert len(api.asked) == 1
        assert [one.text for one in answers] == ["4"] * 5
        assert [one.cached for one in answers] == [False, True, True, True, True]

    def test_repeats_are_sent_each(self):
        """A24: another sample index is another request."""

        async def run():
            journal = Journal()
            api = Api(journal)
            cached = layer(api, journal)
            await asyncio.gather(*(cached.complete(request(sample=n)) for n in range(3)))
            return api

        assert len(set(asyncio.run(run()).asked)) == 3

    def test_layers_that_share_their_flights_send_once_together(self):
        """Cells whose models differ in their label or price only."""

        async def run():
            journal, flights = Journal(), {}
            api = Api(journal)
            layers = [layer(api, journal, flights=flights) for _ in range(3)]
            await asyncio.gather(*(one.complete(request()) for one in layers))
            return api, flights

        api, flights = asyncio.run(run())

        assert len(api.asked) == 1
        assert flights == {}

    def test_followers_of_a_failed_request_get_the_same_error_and_nothing_stays(self):
        """A24."""

        async def run():
            journal, flights = Journal(), {}
            api = Api(journal, error=ProviderError("overloaded", kind=FailureKind.SERVER))
            api.released.clear()
            cached = layer(api, journal, flights=flights)
            asks = [asyncio.create_task(cached.complete(request())) for _ in range(3)]
            await settle()
            api.released.set()
            failed = await asyncio.gather(*asks, return_exceptions=True)
            api.error = None
            return failed, flights, await cached.complete(request()), api

        failed, flights, later, api = asyncio.run(run())

        assert [str(error) for error in failed] == ["overloaded"] * 3
        assert flights == {}
        assert later.cached is False
        assert len(api.asked) == 2

    def test_cancelled_leader_does_not_cancel_its_followers(self):
        """A24: one of them asks in its place."""

        async def run():
            journal = Journal()
            api = Api(journal)
            api.released.clear()
            cached = layer(api, journal)
            leader, *followers = [asyncio.create_task(cached.complete(request())) for _ in range(3)]
            await settle()
            leader.cancel()
            await settle()
            api.released.set()
            return await asyncio.gather(leader, *followers, return_exceptions=True), api

        (leader, *followers), api = asyncio.run(run())

        assert isinstance(leader, asyncio.CancelledError)
        assert [one.text for one in followers] == ["4", "4"]
        assert len(api.asked) == 2

    def test_leader_that_is_cancelled_after_its_answer_came_leaves_it_to_the_followers(self):
        """A24: the answer is paid, it is only not on disk yet."""

        async def run():
            journal = Journal(at_once=False)
            api = Api(journal)
            cached = layer(api, journal)
            leader, follower = [asyncio.create_task(cached.complete(request())) for _ in range(2)]
            await settle()
            leader.cancel()
            await settle()
            waiting = not follower.done()
            journal.sync()
            return waiting, await follower, api

        waiting, follower, api = asyncio.run(run())

        assert waiting
        assert follower.text == "4"
        assert len(api.asked) == 1

    def test_cancelled_follower_cancels_nobody(self):
        async def run():
            journal = Journal()
            api = Api(journal)
            api.released.clear()
            cached = layer(api, journal)
            tasks = [asyncio.create_task(cached.complete(request())) for _ in range(3)]
            await settle()
            tasks[1].cancel()
            await settle()
            api.released.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

        first, second, third = asyncio.run(run())

        assert (first.text, third.text) == ("4", "4")
        assert isinstance(second, asyncio.CancelledError)

    def test_answer_is_let_out_only_when_it_is_on_disk(self):
        """E8: for the leader and for who followed it."""

        async def run():
            journal = Journal(at_once=False)
            cached = layer(Api(journal), journal)
            tasks = [asyncio.create_task(cached.complete(request())) for _ in range(2)]
            await settle()
            early = [task.done() for task in tasks]
            journal.sync()
            await settle()
            return early, [task.done() for task in tasks]

        assert asyncio.run(run()) == ([False, False], [True, True])

    def test_disk_that_refuses_an_answer_is_everybodys_error(self):
        """E6."""

        async def run():
            journal = Journal(at_once=False)
            cached = layer(Api(journal), journal)
            tasks = [asyncio.create_task(cached.complete(request())) for _ in range(2)]
            await settle()
            journal.sync(StoreError("full"))
            return await asyncio.gather(*tasks, return_exceptions=True)

        assert [type(error) for error in asyncio.run(run())] == [StoreError, StoreError]

    def test_answer_of_this_run_is_used_again_whatever_the_mode(self):
        """`run.cache=refresh` and `off` do not buy twice within a run."""

        async def run(mode):
            journal = Journal()
            api = Api(journal)
            cached = layer(api, journal, mode=mode)
            await cached.complete(request())
            return await cached.complete(request()), api

        for mode in ("use", "refresh", "off"):
            again, api = asyncio.run(run(mode))

            assert (again.cached, len(api.asked)) == (True, 1)

    def test_answer_of_the_cache_is_copied_into_the_journal_and_costs_nothing(self, cache):
        cache.put([(request(), answer())])

        async def run():
            journal = Journal()
            api = Api(journal)
            return await layer(api, journal, cache=cache).complete(request()), journal, api

        hit, journal, api = asyncio.run(run())

        assert (hit.text, hit.cached, api.asked) == ("4", True, [])
        assert (hit.started_at, hit.latency_s, hit.attempts, hit.request_id) == (
            1.5,
            0.25,
            2,
            "req_1",
        )
        assert journal.copies == [(request().key, None)]

    def test_copy_of_a_kept_answer_is_not_waited_for_and_made_once(self, cache):
        """E8: the cache holds the answer, and what is made of it is written behind the copy."""
        cache.put([(request(), answer())])

        async def run():
            journal, flights = Journal(at_once=False), {}
            cached = layer(Api(journal), journal, cache=cache, flights=flights)
            hits = [await cached.complete(request()) for _ in range(2)]
            copies = list(journal.copies)
            journal.sync()
            await settle()
            return hits, copies, flights

        hits, copies, flights = asyncio.run(run())

        assert [(hit.text, hit.cached) for hit in hits] == [("4", True), ("4", True)]
        assert copies == [(request().key, None)]
        assert flights == {}

    def test_refresh_does_not_read_the_cache(self, cache):
        cache.put([(request(), answer())])

        async def run():
            journal = Journal()
            api = Api(journal)
            return await layer(api, journal, cache=cache, mode="refresh").complete(request()), api

        fresh, api = asyncio.run(run())

        assert (fresh.cached, len(api.asked)) == (False, 1)

    @pytest.mark.parametrize("where", ["cache", "journal"])
    def test_kept_body_without_an_answer_is_asked_for_again(self, cache, where):
        """E12: a body that this version does not accept must not fail the case for ever."""

        async def run():
            journal = Journal()
            if where == "cache":
                cache.put([(request(), answer(b"<html>"))])
            else:
                journal.answers[request().key] = answer(b"<html>")
            api = Api(journal)
            return await layer(api, journal, cache=cache).complete(request()), journal

        asked, journal = asyncio.run(run())

        assert (asked.text, asked.cached) == ("4", False)
        assert journal.copies == []

    def test_closing_closes_what_is_asked(self):
        async def run():
            journal = Journal()
            api = Api(journal)
            await layer(api, journal).aclose()
            return api.closed

        assert asyncio.run(run())


def test_keys_are_what_the_cache_is_addressed_by(cache):
    other = hashlib.sha256(b"other").hexdigest()
    cache.put([(replace(request(), key=other), answer())])

    assert cache.get(other) == answer()
    assert cache.get(request().key) is None
