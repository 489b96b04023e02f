"""A client of pds-daemon, written from pds-daemon(8) alone.

Nothing here was taken from the program: where the page did not say enough to write this,
the page was mended. So it is the page that this tests, and the daemon against the page.
"""

import os
import socket
import struct

import cbor2
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from noise.connection import Keypair, NoiseConnection

GREETING = b"pds\x01"
FIRST_FRAME_BYTES, SECOND_FRAME_BYTES = 100, 48
FRAME_MAX_BYTES, TAG_BYTES = 65_535, 16
PIECE_MAX_BYTES = FRAME_MAX_BYTES - TAG_BYTES - 1
MESSAGE_MAX_BYTES = 8_388_608
MORE, LAST = 0, 1

# Requests and responses by their numbers, as in the page's tables.
STATUS, UNLOCK, LOCK, RESOLVE, GET, SET, DELETE, LIST = 0, 1, 2, 3, 4, 5, 6, 8
DONE, A_STATUS, VALUES, KEYS, REFUSED = 0, 1, 2, 3, 4
REASONS = {
    1: "locked", 2: "profile-locked", 3: "profile-unknown", 4: "identity-unknown",
    5: "identity-revoked", 6: "rate-limited", 7: "access-denied", 8: "invalid-key",
    9: "not-found", 10: "exists", 11: "wrong-password", 12: "too-soon",
    20: "value-too-long", 25: "invalid-profile", 26: "malformed",
}


class Closed(Exception):
    """The daemon has closed the connection."""


class OtherVersion(Exception):
    """The daemon speaks another version of the protocol: its number, its build."""


class Refused(Exception):
    """Nothing was done; `problems` are (entry or None, reason, retry_after_ms or None)."""

    def __init__(self, problems):
        super().__init__(problems)
        self.problems = problems

    @property
    def reasons(self):
        return [reason for _, reason, _ in self.problems]


def structure(fields, count):
    """A structure's fields: nulls at its end may be left out, unknown ones are ignored."""
    return (list(fields) + [None] * count)[:count]


def fresh_key():
    return X25519PrivateKey.generate().private_bytes_raw()


class Client:
    """One connection to the daemon whose files are in `data`."""

    def __init__(self, data, private_key=None, version=GREETING[3]):
        read = lambda name: open(os.path.join(data, name), "rb").read()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(read("lock"))
        self.noise = NoiseConnection.from_name(b"Noise_IK_25519_AESGCM_BLAKE2s")
        self.noise.set_as_initiator()
        greeting = GREETING[:3] + bytes([version])
        self.noise.set_prologue(greeting)
        self.noise.set_keypair_from_private_bytes(
            Keypair.STATIC, private_key or read("launcher.key")[:32])
        self.noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, read("daemon.pub"))
        self.noise.start_handshake()
        first = greeting + bytes(self.noise.write_message())
        assert len(first) == FIRST_FRAME_BYTES
        self.send_frame(first)
        second = self.receive_frame()
        if version != GREETING[3] and second[:3] == GREETING[:3]:
            raise OtherVersion(second[3], second[4:].decode())
        assert len(second) == SECOND_FRAME_BYTES
        assert bytes(self.noise.read_message(second)) == b""

    def close(self):
        self.socket.close()

    # Frames

    def send_frame(self, frame):
        try:
            self.socket.sendall(struct.pack(">H", len(frame)) + frame)
        except OSError as error:
            raise Closed from error

    def exactly(self, count):
        got = b""
        while len(got) < count:
            try:
                piece = self.socket.recv(count - len(got))
            except ConnectionError as error:
                raise Closed from error
            if not piece:
                raise Closed
            got += piece
        return got

    def receive_frame(self):
        (length,) = struct.unpack(">H", self.exactly(2))
        assert length > 0
        return self.exactly(length)

    # Messages

    def send_message(self, message, piece_bytes=PIECE_MAX_BYTES):
        while True:
            piece, message = message[:piece_bytes], message[piece_bytes:]
            flag = MORE if message else LAST
            self.send_frame(self.noise.encrypt(bytes([flag]) + piece))
            if not message:
                return

    def receive_message(self):
        message, flag = b"", MORE
        while flag == MORE:
            plaintext = self.noise.decrypt(self.receive_frame())
            flag, piece = plaintext[0], plaintext[1:]
            assert flag == LAST or (flag == MORE and piece)
            assert len(piece) <= PIECE_MAX_BYTES
            message += piece
            assert len(message) <= MESSAGE_MAX_BYTES
        return bytes(message)

    # Requests

    def ask(self, number, *field, piece_bytes=PIECE_MAX_BYTES):
        """The number of the response and its field, which is None if it has none."""
        self.send_message(cbor2.dumps([number, list(field)]), piece_bytes)
        number, fields = cbor2.loads(self.receive_message())
        if number == REFUSED:
            rows = [structure(row, 3) for row in fields[0]]
            raise Refused([(entry, REASONS.get(why, why), after) for entry, why, after in rows])
        return number, (fields[0] if fields else None)

    def expect(self, response, number, *field, **how):
        got, answer = self.ask(number, *field, **how)
        assert got == response, f"{got} in place of {response}"
        return answer

    def status(self):
        build, pid, memory, profiles, lifetime, config_error = structure(
            self.expect(A_STATUS, STATUS), 6)
        return {
            "build": build, "pid": pid, "memory": memory, "value_lifetime_ms": lifetime,
            "config_error": config_error,
            "profiles": {row[0]: structure(row, 4)[1] for row in profiles},
        }

    def unlock(self, profile, password, accept_older=False):
        self.expect(DONE, UNLOCK, [profile, password, accept_older])

    def lock(self, profile=None):
        self.expect(DONE, LOCK, profile)

    def get(self, profile, key):
        (value,) = self.expect(VALUES, GET, [profile, key])
        return value

    def set(self, profile, key, value, create_only=False, expires_at=None, **how):
        self.expect(DONE, SET, [[profile, key], value, create_only, expires_at], **how)

    def delete(self, profile, key):
        self.expect(DONE, DELETE, [profile, key])

    def list(self, profile):
        return [structure(row, 5) for row in self.expect(KEYS, LIST, profile)]

    def resolve(self, entries, manifest=None, project=None, command=None, check_only=False):
        """`entries` are (profiles, key, required)."""
        entries = [list(entry) for entry in entries]
        return self.expect(VALUES, RESOLVE, [entries, manifest, project, command, check_only])
