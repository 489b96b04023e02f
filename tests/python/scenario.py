"""Speaks pds-daemon's protocol against a real daemon: scenario.py DATA PASSWORD-FILE

DATA is the folder of the daemon's files. The vault `default` is there, unlocked, with the
password in the file and `from/pds` set to `a value that pds set`. What is wrong is said by
the assertion that fails.
"""

import os
import sys
import time

import pds_client
from pds_client import Client, Closed, OtherVersion, Refused

SEEN_BY_PDS = b"set by another implementation\x00\xff\n"


def refused(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except Refused as why:
        return why
    raise AssertionError(f"{call.__name__} was not refused")


def says_what_runs(client, _):
    status = client.status()
    assert status["build"].startswith("pds "), status
    os.kill(status["pid"], 0)
    assert status["memory"] in (0, 1, 2), status
    assert 0 < status["profiles"]["default"] <= 8 * 3600 * 1000, status
    assert status["value_lifetime_ms"] == 300_000, status
    assert status["config_error"] is None, status


def gets_and_sets_what_pds_gets_and_sets(client, _):
    assert client.get("default", "from/pds") == b"a value that pds set"
    client.set("default", "from/python", SEEN_BY_PDS)
    assert client.get("default", "from/python") == SEEN_BY_PDS
    again = refused(client.set, "default", "from/python", b"x", create_only=True)
    assert again.reasons == ["exists"], again
    client.set("default", "empty", b"")
    assert client.get("default", "empty") == b""


def sends_and_gets_messages_of_many_pieces(client, _):
    longest = bytes(n % 251 for n in range(1_048_576))
    # First, while the limit on locked memory has room for it: what is in the way is told.
    assert refused(client.set, "default", "long", longest + b"x").reasons == ["value-too-long"]
    for piece_bytes in (pds_client.PIECE_MAX_BYTES, 60_000):
        client.set("default", "long", longest, piece_bytes=piece_bytes)
        assert client.get("default", "long") == longest
    client.set("default", "short", b"byte by byte", piece_bytes=1)
    assert client.get("default", "short") == b"byte by byte"
    assert client.get("default", "long") == longest
    client.delete("default", "long")


def resolves_all_or_nothing(client, _):
    here = ["default"]
    values = client.resolve([
        (here, "from/python", True), (here, "not/there", False), (here, "from/pds", True),
    ], project="scenario", command="python3")
    assert values == [SEEN_BY_PDS, None, b"a value that pds set"], values
    why = refused(client.resolve, [
        (here, "not/there", True), (here, "from/pds", True), (here, "nor/this", True),
    ])
    assert [(entry, reason) for entry, reason, _ in why.problems] == [
        (0, "not-found"), (2, "not-found")], why
    why = refused(client.resolve, [(here, "no key", True), (here, "from/pds", True)])
    assert [(entry, reason) for entry, reason, _ in why.problems] == [(0, "invalid-key")], why
    why = refused(client.resolve, [(here, "from/pds", True), (["elsewhere"], "a", True)])
    assert [entry for entry, _, _ in why.problems] == [1], why
    number, value = client.ask(
        pds_client.RESOLVE, [[[here, "from/pds", True]], None, None, None, True])
    assert b"value" not in repr((number, value)).encode(), "checking alone brought a value"


def lists_names(client, _):
    rows = {row[0]: row for row in client.list("default")}
    assert {"from/pds", "from/python", "empty"} <= set(rows), rows
    _, version, created_at, updated_at, expires_at = rows["from/python"]
    assert version == 1 and expires_at is None
    assert created_at == updated_at and abs(time.time() * 1000 - updated_at) < 600_000
    client.delete("default", "empty")
    assert "empty" not in {row[0] for row in client.list("default")}
    assert refused(client.delete, "default", "empty").reasons == ["not-found"]
    assert refused(client.list, "elsewhere").reasons[0].startswith("profile-")


def who_is_not_registered_gets_nothing(client, data):
    stranger = Client(data, pds_client.fresh_key())
    for call in (
        lambda: stranger.get("default", "from/pds"),
        lambda: stranger.set("default", "from/pds", b"x"),
        lambda: stranger.list("default"),
        lambda: stranger.resolve([(["default"], "from/pds", True)]),
        lambda: stranger.lock(),
        stranger.status,
    ):
        assert refused(call).reasons == ["identity-unknown"]
    stranger.close()
    assert client.get("default", "from/pds") == b"a value that pds set"


def ends_the_connection_of_who_talks_nonsense(client, data):
    for plaintext in (
        b"",                                  # not even a flag
        b"\x02\x82\x00\x80",                  # a flag that is none
        b"\x00",                              # more to come, of nothing
        b"\x01",                              # no request
        b"\x01\x82\x00\x80\x00",              # a request, and something after it
        b"\x01\x82\x18\x63\x80",              # a number that no request has
        b"\x01\x9f\x00\x80\xff",              # an array without a length
    ):
        nonsense = Client(data)
        nonsense.send_frame(nonsense.noise.encrypt(plaintext))
        try:
            nonsense.receive_frame()
        except Closed:
            continue
        raise AssertionError(f"an answer to {plaintext.hex()}")
    assert client.status()["profiles"]["default"] is not None


def is_told_the_version_that_is_spoken(_, data):
    for version in (0, 2, 255):
        try:
            Client(data, version=version)
        except OtherVersion as other:
            assert other.args[0] == 1 and other.args[1].startswith("pds "), other
            continue
        raise AssertionError(f"version {version} was served")


def takes_fields_that_it_does_not_know_and_nulls_left_out(client, _):
    key = ["default", "from/pds"]
    assert client.ask(pds_client.GET, key + ["from", {"a": "later version"}]) == (
        pds_client.VALUES, [b"a value that pds set"])
    number, values = client.ask(pds_client.RESOLVE, [
        [[["default"], "from/pds", True]], None, None, None, False, "later"])
    assert (number, values) == (pds_client.VALUES, [b"a value that pds set"])
    client.expect(pds_client.DONE, pds_client.SET, [key, b"a value that pds set", False])


def locks_and_unlocks(client, _):
    password = open(sys.argv[2], "rb").read().removesuffix(b"\n")
    client.lock("default")
    assert client.status()["profiles"]["default"] is None
    assert refused(client.get, "default", "from/pds").reasons == ["locked"]
    assert refused(client.unlock, "default", b"not the password").reasons == ["wrong-password"]
    while True:
        try:
            client.unlock("default", password)
            break
        except Refused as why:
            # So says the daemon after a wrong one, and when to come again.
            assert why.reasons == ["too-soon"] and why.problems[0][2] > 0, why
            time.sleep(why.problems[0][2] / 1000)
    assert client.get("default", "from/python") == SEEN_BY_PDS
    client.lock()
    assert refused(client.get, "default", "from/pds").reasons == ["locked"]
    client.unlock("default", password)


def main():
    data = sys.argv[1]
    client = Client(data)
    for part in (
        says_what_runs, gets_and_sets_what_pds_gets_and_sets,
        sends_and_gets_messages_of_many_pieces, resolves_all_or_nothing, lists_names,
        who_is_not_registered_gets_nothing, ends_the_connection_of_who_talks_nonsense,
        is_told_the_version_that_is_spoken,
        takes_fields_that_it_does_not_know_and_nulls_left_out, locks_and_unlocks,
    ):
        part(client, data)
        print(part.__name__.replace("_", " "), flush=True)


if __name__ == "__main__":
    main()
