#!/usr/bin/env python3
"""A second reader of docs/bundles.md, which has to agree with the first.

Usage: bundle.py FILE...  Each file has a bundle in hexadecimal and what the first reader sees in it. Exit status 1 if this one sees anything else.
Standard library only, Python 3.9 or later.
"""

import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../game-model/tests/python"))

import bip340

ROWS = [
    "contradiction", "record", "boxes", "sample", "token", "reply", "open_seal", "leaves", "rerun", "opening", "false_seal",
    "bad_box", "else", "unserved", "unopened", "challenged_step", "no_ground",
]
RULINGS = ["worker_at_fault", "verifier_at_fault"]
LITIGANTS = ["client", "worker", "verifier"]
REGTEST = bytes.fromhex("fabfb5da")
MAX_TERMS, MAX_PARTS, MAX_PIECES = 1 << 20, 24, 400
MAX_HEADERS, MAX_BLOCKS, MAX_TRANSACTIONS, MAX_WAY = 1 << 18, 8, 8, 32
MAX_WORDS, MAX_REFUSED, MAX_TX = 1 << 16, 1 << 13, 1_000_000


class Bad(Exception):
    pass


def must(condition, words):
    if not condition:
        raise Bad(words)


def double(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        must(self.at + length <= len(self.data), "cut off")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def flag(self):
        value = self.number(1)
        must(value < 2, "no flag")
        return value == 1

    def bytes(self, most):
        length = self.number(4)
        must(length <= most, "too long")
        return self.take(length)

    def list(self, most, each):
        count = self.number(4)
        must(count <= most, "too many")
        return [each() for _ in range(count)]

    def words(self):
        try:
            return self.bytes(MAX_WORDS).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Bad("no text") from error


def txid(raw):
    """Of a transaction without witnesses: the hash of its bytes, if it has none."""
    must(len(raw) > 60 and raw[4:6] != b"\x00\x01", "witnesses")
    return double(raw)


def transaction(r):
    raw, index = r.bytes(MAX_TX), r.number(4)
    way = r.list(MAX_WAY, lambda: r.take(32))
    return {"raw": raw, "id": txid(raw), "index": index, "way": way}


def root(tx):
    here, at = tx["id"], tx["index"]
    for other in tx["way"]:
        here = double(other + here if at % 2 else here + other)
        at //= 2
    must(at == 0, "a place that no such tree has")
    return here


def says_height(raw, height):
    """BIP34, for heights above 16."""
    number = height.to_bytes(height.bit_length() // 8 + 1, "little")
    # Version, one input without a coin, length of its script.
    must(raw[4:41] == b"\x01" + bytes(32) + b"\xff" * 4, "no coinbase")
    return raw[42:].startswith(bytes([len(number)]) + number)


def block(r):
    found = {"height": r.number(4), "coinbase": transaction(r)}
    found["transactions"] = r.list(MAX_TRANSACTIONS, lambda: transaction(r))
    places = [tx["index"] for tx in found["transactions"]]
    must(places and places == sorted(set(places)), "places")
    return found


def check_block(found, headers, first):
    above = found["height"] - first
    must(0 <= above < len(headers), "no header")
    coinbase = found["coinbase"]
    must(coinbase["index"] == 0 and says_height(coinbase["raw"], found["height"]), "coinbase")
    for tx in [coinbase] + found["transactions"]:
        must(len(tx["way"]) == len(coinbase["way"]), "depth")
        must(root(tx) == headers[above][36:68], "root")


def check_headers(headers):
    for before, header in zip([None] + headers, headers):
        bits = int.from_bytes(header[72:76], "little")
        must(bits == 0x207FFFFF, "target of regtest")
        target = (bits & 0xFFFFFF) << (8 * ((bits >> 24) - 3))
        must(int.from_bytes(double(header), "little") <= target, "work")
        must(before is None or header[4:36] == double(before), "chain")


def piece(r):
    data = r.bytes(1 << 30)
    must(data.startswith(b"NXIP1"), "no piece")
    must(data[5] in (1, 2, 3, 5, 6, 7), "no piece of evidence")
    return data[5]


def part(r):
    by = r.number(1)
    must(by < 3, "who brought it")
    start = r.at
    kinds = r.list(MAX_PIECES, lambda: piece(r))
    must(kinds == sorted(kinds), "order")
    must(all(kinds.count(kind) < 2 for kind in (3, 6, 7)), "twice")
    return {
        "by": LITIGANTS[by],
        "items": kinds.count(1),
        "receipts": kinds.count(2),
        "openings": kinds.count(5),
        "record": 7 in kinds,
    }


def program(r):
    data = r.bytes(1 << 26)
    must(data.startswith(b"NXPG1"), "no program")
    inner = Reader(data[5:])
    bits, which = inner.number(4), inner.number(1)
    must(which == 0, "the vector has WebAssembly")
    source = inner.bytes(1 << 24)
    limits = [inner.number(8) for _ in range(3)]
    units = inner.number(8) if inner.flag() else None
    must(inner.at == len(inner.data), "more")
    tag = "narthex/program" if units is None else "narthex/unit-program"
    hashed = len(source).to_bytes(8, "big") + source
    hashed += b"".join(n.to_bytes(8, "big") for n in limits + ([] if units is None else [units]))
    return bip340.tagged(tag, hashed)


def report(r):
    row, ruling = r.number(1), r.number(1)
    must(row < len(ROWS) and ruling < 2, "row or ruling")
    finding = {"row": ROWS[row], "ruling": RULINGS[ruling], "reason": r.words()}
    if r.flag():
        finding["unpaid"] = r.words()

    def refused():
        by = r.number(1)
        must(by < 3, "who")
        return {"by": LITIGANTS[by], "what": r.words(), "why": r.words()}

    all_refused = r.list(MAX_REFUSED, refused)
    if all_refused:
        finding["refused"] = all_refused
    which = r.number(1)
    must(which < 3, "engines")
    if which == 0:
        return finding, "no_step"
    one, other = r.words(), r.words()
    if which == 1:
        return finding, {"alone": {"engine": one, "why": other}}
    return finding, {"both": {"engine": one, "other": other}}


def read(data):
    must(data.startswith(b"NXCB1"), "another kind")
    r = Reader(data)
    r.take(5)
    must(r.take(4) == REGTEST, "network")
    terms = json.loads(r.bytes(MAX_TERMS))
    job = {"program": r.take(32), "input": r.take(32), "steps": r.number(8), "output": r.number(8)}
    must(not r.flag() or program(r) == job["program"], "another program")
    parts = r.list(MAX_PARTS, lambda: part(r))
    first = r.number(4)
    headers = r.list(MAX_HEADERS, lambda: r.take(80))
    check_headers(headers)
    blocks = r.list(MAX_BLOCKS, lambda: block(r))
    heights = [found["height"] for found in blocks]
    must(heights == sorted(set(heights)), "order of blocks")
    for found in blocks:
        check_block(found, headers, first)
    finding, judged = report(r)
    signed, seat, signature = data[: r.at], r.number(1), r.take(64)
    must(r.at == len(data), "more")
    return {
        "terms": terms, "parts": parts, "first": first, "headers": headers, "heights": heights, "finding": finding,
        "judged": judged, "signed": signed, "seat": seat, "signature": signature,
    }


def check(vector):
    data = bytes.fromhex(vector["bundle"])
    found = read(data)
    digest = bip340.tagged("narthex/case-bundle", bytes.fromhex(vector["contract"]) + found["signed"])
    must(digest.hex() == vector["signed"], "what is signed")
    key = bip340.public_key(bytes.fromhex(vector["word_secret"]))
    must(bip340.verify(key, digest, found["signature"]), "signature")
    must(found["seat"] == 1, "seat")
    for field in ("parts", "finding", "judged"):
        must(found[field] == vector[field], f"{field}: {found[field]}")
    facts, anchor = vector["facts"], vector["anchor"]
    must(found["first"] == facts["funded"], "funding")
    said = {facts[name] for name in ("funded", "delivered", "verdict", "accused")} | {facts["record"]["height"]}
    must(set(found["heights"]) == said, "heights")
    must(anchor["height"] == found["first"] + len(found["headers"]) - 1, "last height")
    must(double(found["headers"][-1])[::-1].hex() == anchor["hash"], "last block")
    # The first inputs of what is on the way to the appeal spend what came before: a chain of one contract is what the graph says, and that
    # this reader does not derive.
    return len(found["headers"])


def main(paths):
    wrong = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            vector = json.load(file)
        try:
            print(f"{path}: {check(vector)} headers")
        except Bad as bad:
            wrong += 1
            print(f"{path}: {bad}")
            continue
        # Whatever is altered, this reader sees too: a byte in each hundred.
        data = bytes.fromhex(vector["bundle"])
        for at in range(0, len(data), 101):
            altered = bytearray(data)
            altered[at] ^= 1
            try:
                check({**vector, "bundle": bytes(altered).hex()})
                wrong += 1
                print(f"{path}: byte {at} was altered, and nothing is seen")
            except (Bad, ValueError):
                pass
    print(f"{len(paths)} bundles, {wrong} disagreements")
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
