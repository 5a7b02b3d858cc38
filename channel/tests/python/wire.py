#!/usr/bin/env python3
"""A second reader of docs/wire.md, which has to agree with the first.

Usage: wire.py FILE...  Each file has frames of one message: valid ones with their fields, and bad ones, which must be
refused. Standard library only, Python 3.9 or later.
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../game-model/tests/python"))

import bip340

WHOLE = 60_000
SEATS = 6
PROVIDERS = 10
FRAME = 65_535
MARKS = 220
# Of a job: bytes of a chunk, and hashes of its proof.
CHUNK = 32 * 1024
SIBLINGS = 17

# Number: name, fewest and most bytes of the body.
LINK = {
    33000: ("hello", 53, 53),
    33002: ("resume", 10, WHOLE),
    33004: ("ack", 49, 49),
    33006: ("piece", 50, WHOLE + 49),
    33008: ("recall", 49, 49),
    33016: ("gone", 185, 185),
    33019: ("declined", 42, 242),
    33020: ("want", 41, 41),
    33022: ("chunk", 50, 49 + 32 * SIBLINGS + CHUNK),
    33090: ("fault", 11, 512),
}
CONTRACT = {
    33010: ("offer", 408, 8192),
    33012: ("accept", 243, 469),
    33014: ("decline", 9, 209),
    33030: ("proposal", 11, 11 + 16 * 1024),
    33032: ("terms", 11, 11 + 1024 * 1024),
    33034: ("bind", 43, 43 + 256),
    33036: ("nonces", 11, 11 + 64 * 1024 * 1024),
    33038: ("shares", 12, 12 + 64 * 1024 * 1024),
    33040: ("held", 7, 7),
    33042: ("funding", 11, 11 + 4 * 1024),
    33044: ("abort", 8, 7 + 206),
    33046: ("whole", 11, 11 + 400_000),
    33050: ("item", 100, 1024 * 1024),
    33052: ("receipt", 240, 260),
    33054: ("boxes", 20, 64 * 1024 * 1024),
    33056: ("opening", 20, 64 * 1024 * 1024),
    33058: ("release", 70, 100),
    33060: ("handed-over", 100, 130),
    33062: ("evidence", 254, 64 * 1024 * 1024),
    33064: ("attestation", 70, 100),
    33066: ("commitment", 100, 1024 * 1024),
    33068: ("ending", 20, 512),
    33070: ("ruling-digest", 80, 80),
    33072: ("digest-seen", 80, 80),
    33084: ("small", 10, 1024 * 1024),
}
LONGEST = max(most for _, _, most in CONTRACT.values())


class Bad(Exception):
    pass


def must(condition, words):
    if not condition:
        raise Bad(words)


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, length):
        must(length <= len(self.data), "cut off")
        head, self.data = self.data[:length], self.data[length:]
        return head

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def flag(self):
        value = self.number(1)
        must(value < 2, "no flag")
        return value == 1

    def bytes(self, most=FRAME):
        length = self.number(4)
        must(length <= most, "too long")
        return self.take(length)

    def kind(self, name):
        must(self.take(len(name)) == name, "another kind")

    def end(self):
        must(not self.data, "a byte more")


def body_hash(body):
    return bip340.tagged("narthex/envelope-body", body)


def check_signature(fields):
    key = fields["from"]
    must(key[0] in (2, 3) and bip340._lift(int.from_bytes(key[1:], "big")), "no point")
    signed = fields["contract"] + fields["attempt"].to_bytes(1, "big") + key
    signed += fields["to"].to_bytes(4, "big") + fields["seq"].to_bytes(8, "big")
    signed += fields["message"].to_bytes(2, "big") + fields["length"].to_bytes(4, "big")
    fields["digest"] = bip340.tagged("narthex/envelope", signed + fields["body_hash"])
    must(bip340.verify(key[1:], fields["digest"], fields["signature"]), "not signed")


def begin(r):
    return {
        "contract": r.take(32),
        "attempt": r.number(1),
        "from": r.take(33),
        "to": r.number(4),
        "seq": r.number(8),
        "message": r.number(2),
    }


def check_length(fields):
    must(fields["message"] in CONTRACT, "no contract's message")
    _, least, most = CONTRACT[fields["message"]]
    must(least <= fields["length"] <= most, "length")


def signed_head(data):
    r = Reader(data)
    r.kind(b"NXEH1")
    fields = begin(r)
    fields["length"], fields["body_hash"] = r.number(4), r.take(32)
    check_length(fields)
    fields["signature"] = r.take(64)
    r.end()
    check_signature(fields)
    return fields


def envelope(data):
    r = Reader(data)
    r.kind(b"NXEV1")
    fields = begin(r)
    body = r.bytes()
    fields["length"], fields["body_hash"] = len(body), body_hash(body)
    check_length(fields)
    fields["signature"] = r.take(64)
    r.end()
    check_signature(fields)
    if CONTRACT[fields["message"]][0] == "small":
        small(body)
    return fields


def text(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad("no text") from error


def listed(r, most, least, each):
    count = r.number(4)
    must(count <= most and count * least <= len(r.data), "list")
    return [each(r) for _ in range(count)]


def bounty_figures(r):
    seat = lambda r: (r.take(33), text(r.bytes(260)), r.number(8))
    return (r.take(32), listed(r, SEATS, 45, seat), r.number(1), r.number(4), r.number(2), r.number(4), r.number(8))


def bounty_talk(r):
    which, first = r.number(1), None
    must(which <= 7, "what is said")
    if which != 2:
        first = r.take(32)
    if which in (1, 2):
        return which, first, text(r.bytes(16 << 10 if which == 1 else 128 << 10))
    if which in (3, 4):
        return which, first, listed(r, SEATS, 4, lambda r: r.bytes(8 << 10))
    if which == 7:
        first += r.take(2)
        must(max(first[-2:]) < 1 << SEATS, "set")
    return which, first


def enrolment(r):
    r.kind(b"NXEN1")
    fields = (r.number(1), r.take(32), r.number(1), r.take(33), r.take(33), r.take(64), r.take(64))
    r.end()
    scope, ask, role, node, key, *signatures = fields
    must(scope == 0 and role >= 3, "as whom")
    digest = bip340.tagged("narthex/enrolment", bytes([scope]) + ask + bytes([role]) + node + key)
    for signer, signature in zip((node, key), signatures):
        must(bip340.verify(signer[1:], digest, signature), "enrolment")
    return fields


def slice_figures(r):
    seat = lambda r: (r.take(33), text(r.bytes(260)))
    return (r.take(32), listed(r, PROVIDERS, 37, seat), r.number(1), r.number(8), r.number(2), r.number(2), r.number(4), r.number(8))


def slice_consent(r):
    return enrolment(Reader(r.bytes())), r.bytes(34)


def slice_talk(r):
    which = r.number(1)
    must(which <= 7, "what is said")
    if which == 2:
        return which, text(r.bytes(64 << 10)), listed(r, PROVIDERS, 4, lambda r: r.bytes(16 << 10))
    first = r.take(32)
    if which == 0:
        return which, first, r.take(33), listed(r, PROVIDERS, 237, lambda r: enrolment(Reader(r.bytes())))
    if which == 1:
        return which, first, r.bytes(16 << 10)
    if which in (3, 4):
        return which, first, listed(r, PROVIDERS, 4, lambda r: r.bytes(2 << 10))
    if which == 7:
        return which, first, r.number(1)
    return which, first


def program(r):
    r.kind(b"NXPG1")
    bits, which = r.number(4), r.number(1)
    must(which == 0, "WebAssembly alone is in these vectors")
    fields = bits, r.bytes(), r.number(8), r.number(8), r.number(8), r.number(8) if r.flag() else None
    r.end()
    return fields


def stream_order(r):
    fields = (r.take(32), *(r.number(4) for _ in range(6)))
    fields += (program(Reader(r.bytes(64 << 10))), r.bytes(128 << 10))
    _, first, price, slices, steps, _, width, _, records = fields
    must(steps * width * slices == len(records), "records")
    must(first + price * slices < 1 << 32, "price")
    return fields


def commitment(r):
    r.kind(b"NXCM2")
    fields = (r.take(32), r.number(8), r.take(32), r.take(33), r.number(4), *(r.take(32) for _ in range(3)))
    r.end()
    return fields


def stream_talk(r):
    which, stream = r.number(1), r.take(32)
    must(which <= 2, "what is said")
    if which == 0:
        slice_, inner = r.number(4), commitment(Reader(r.bytes()))
        must(inner[0] == bip340.tagged("narthex/stream-slice", stream + slice_.to_bytes(4, "big")), "another slice")
        return stream, slice_, inner, r.bytes(128 << 10)
    if which == 1:
        return stream, r.number(4), r.take(32)
    return stream, text(r.bytes(200))


def small(body):
    """Of a small contract's message: one that a bounty, a slice or a stream has, read to its end."""
    r = Reader(body)
    if body.startswith(b"NXMO1"):
        r.kind(b"NXMO1")
        stream_order(r)
        r.end()
    elif body.startswith(b"NXMT1"):
        r.kind(b"NXMT1")
        stream_talk(r)
        r.end()
    elif body.startswith(b"NXYT1"):
        r.kind(b"NXYT1")
        bounty_talk(r)
        r.end()
    elif body.startswith(b"NXGT1"):
        r.kind(b"NXGT1")
        slice_talk(r)
        r.end()
    elif body.startswith(b"NXQR1"):
        r.take(5)
        must(r.number(1) == 0, "it is taken")
        inner = Reader(r.bytes(4096))
        r.end()
        inner.kind(b"NXGP1")
        slice_consent(inner)
        inner.end()
    elif body.startswith(b"NXQA1"):
        r.take(5 + 32 + 8)
        inner = Reader(r.bytes(4096))
        r.end()
        if inner.data.startswith(b"NXYF1"):
            inner.kind(b"NXYF1")
            bounty_figures(inner)
            inner.end()
        elif inner.data.startswith(b"NXGF1"):
            inner.kind(b"NXGF1")
            slice_figures(inner)
            inner.end()


def contract(number, data):
    is_head = data.startswith(b"NXEH1")
    fields = signed_head(data) if is_head else envelope(data)
    must(fields["message"] == number, "under another number")
    must(is_head == (fields["length"] > WHOLE), "whole or in pieces")
    return fields


def hello(r):
    return {"chain": r.take(32), "features": r.number(8), "boot": r.number(8)}


def mark(r):
    fields = {"contract": r.take(32), "to": r.number(4), "next": r.number(8)}
    fields["proof"] = proof = signed_head(r.bytes()) if r.flag() else None
    fields["partial"] = [r.take(32), r.number(4)] if r.flag() else None
    if proof:
        place = (proof["contract"], proof["to"], proof["seq"] + 1)
        must(place == (fields["contract"], fields["to"], fields["next"]), "a proof of something else")
    return fields


def resume(r):
    is_last, count = r.flag(), r.number(4)
    must(count <= MARKS and count * 46 <= len(r.data), "marks")
    return {"is_last": is_last, "marks": [mark(r) for _ in range(count)]}


def ack(r):
    return {"contract": r.take(32), "to": r.number(4), "next": r.number(8)}


def recall(r):
    return {"contract": r.take(32), "to": r.number(4), "from": r.number(8)}


def piece(r):
    fields = {"hash": r.take(32), "total": r.number(4), "offset": r.number(4)}
    data = r.bytes(WHOLE)
    must(WHOLE < fields["total"] <= LONGEST, "total")
    must(data and fields["offset"] + len(data) <= fields["total"], "offset")
    fields["bytes"] = data
    return fields


def want(r):
    return {"contract": r.take(32), "index": r.number(4)}


def chunk(r):
    fields = {"contract": r.take(32), "index": r.number(4)}
    count = r.number(4)
    must(count <= SIBLINGS and count * 32 <= len(r.data), "proof")
    fields["proof"] = [r.take(32) for _ in range(count)]
    fields["bytes"] = data = r.bytes(CHUNK)
    must(data, "no bytes")
    return fields


def declined(r):
    contract, code, words = r.take(32), r.number(1), r.bytes(200)
    try:
        return {"contract": contract, "fault": code, "words": words.decode("utf-8")}
    except UnicodeDecodeError as error:
        raise Bad("no text") from error


def fault(r):
    code, words = r.number(2), r.bytes(500)
    try:
        return {"code": code, "words": words.decode("utf-8")}
    except UnicodeDecodeError as error:
        raise Bad("no text") from error


LINKS = {
    "hello": (b"NXLH1", hello),
    "resume": (b"NXLR1", resume),
    "ack": (b"NXLA1", ack),
    "piece": (b"NXLP1", piece),
    "recall": (b"NXLQ1", recall),
    "want": (b"NXJW1", want),
    "chunk": (b"NXJC1", chunk),
    "declined": (b"NXLN1", declined),
    "fault": (b"NXLF1", fault),
}


def frame(data):
    must(2 <= len(data) <= FRAME, "frame")
    number, payload = int.from_bytes(data[:2], "big"), data[2:]
    if number in CONTRACT:
        return contract(number, payload)
    must(number in LINK, "unknown")
    name, least, most = LINK[number]
    must(least <= len(payload) <= most, "length")
    if name == "gone":
        return signed_head(payload)
    kind, read = LINKS[name]
    r = Reader(payload)
    r.kind(kind)
    fields = read(r)
    r.end()
    return fields


def joined(parts):
    return b"".join(bytes.fromhex(p) if isinstance(p, str) else bytes([p["byte"]]) * p["times"] for p in parts)


def same(here, there):
    if isinstance(here, bytes):
        return (joined(there) if isinstance(there, list) else there) == (here if isinstance(there, list) else here.hex())
    if isinstance(here, list):
        return isinstance(there, list) and len(here) == len(there) and all(map(same, here, there))
    if isinstance(here, dict):
        return isinstance(there, dict) and here.keys() == there.keys() and all(same(v, there[k]) for k, v in here.items())
    return type(here) is type(there) and here == there


def check(path, vector):
    """What this reader sees otherwise than the file."""
    number = vector["number"]
    name, least, most = {**LINK, **CONTRACT}[number]
    if (name, least, most) != (vector["message"], vector["least"], vector["most"]):
        yield f"{name} has {least} to {most} bytes"
    for case in vector["valid"]:
        try:
            fields = frame(joined(case["frame"]))
            if not same(fields, case["fields"]):
                yield f"{case['what']}: other fields"
        except Bad as bad:
            yield f"{case['what']}: {bad}"
    for case in vector["bad"]:
        try:
            frame(joined(case["frame"]))
            yield f"{case['what']}: it is taken"
        except Bad:
            pass


def main(paths):
    frames = wrong = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            vector = json.load(file)
        frames += len(vector["valid"]) + len(vector["bad"])
        for words in check(path, vector):
            wrong += 1
            print(f"{path}: {words}")
    print(f"{frames} frames, {wrong} disagreements")
    return 1 if wrong or not frames else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
