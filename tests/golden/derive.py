#!/usr/bin/env python3
"""Computes tests/golden/derive.txt from the definitions alone, without any code of pds.

    pip install argon2-cffi blake3 && python3 tests/golden/derive.py > tests/golden/derive.txt

One line a profile: profile, password (hex), salt (hex), then the master, vault, entry,
IPC encryption, header MAC and generation MAC keys (hex).
"""

from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3

CASES = [
    ("default", b"correct horse battery staple", bytes(range(16))),
    ("work", "pässwörd €".encode(), bytes(16)),
    ("A-1_b", b"", b"\xff" * 16),
    ("p" * 64, b"with\0zero and\nnewline", bytes.fromhex("00112233445566778899aabbccddeeff")),
    ("0", b"\xff\xfe not utf-8", bytes(range(240, 256))),
]


def derive(context, key):
    return blake3(key, derive_key_context=context).digest()


print("# made by derive.py: profile password salt master vault entry ipc header generation")
for profile, password, salt in CASES:
    master = hash_secret_raw(
        password, salt, time_cost=3, memory_cost=65536, parallelism=1, hash_len=32, type=Type.ID, version=19
    )
    vault = derive(f"pds v2 vault-key {profile}", master)
    keys = [
        master,
        vault,
        derive("pds v2 entry-encryption-key", vault),
        derive(f"pds v2 ipc-encryption-key {profile}", master),
        derive(f"pds v2 header-mac-key {profile}", master),
        derive(f"pds v2 generation-mac-key {profile}", master),
    ]
    # An empty field would not survive a split, so an empty password is written as "-".
    print(profile, password.hex() or "-", salt.hex(), *(key.hex() for key in keys))
