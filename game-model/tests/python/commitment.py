#!/usr/bin/env python3
"""A second implementation of docs/commitments.md and docs/storage.md, which has to agree with the first.

Usage: commitment.py FILE...  Each file is a JSON list of cases; every output in a case is computed
anew from its inputs. Standard library only, Python 3.9 or later.
"""

import hashlib
import json
import sys

import bip340
import chacha

_PREFIX = {}


def tagged(tag, message):
    if tag not in _PREFIX:
        once = hashlib.sha256(tag.encode()).digest()
        _PREFIX[tag] = hashlib.sha256(once + once)
    engine = _PREFIX[tag].copy()
    engine.update(message)
    return engine.digest()


def H(tag, *parts):
    return tagged("narthex/" + tag, b"".join(parts))


def n8(number):
    return number.to_bytes(8, "big")


def sized(data):
    return n8(len(data)) + data


# Leaves


def state_digest(output):
    return H("state", sized(output))


def salt(seed, index):
    return H("salt", seed, n8(index))


def work_leaf(index, salt_, digest):
    return H("leaf", n8(index), salt_, digest)


def input_leaf(index, record):
    return H("input", n8(index), sized(record))


def chunk_leaf(index, chunk):
    return H("chunk", n8(index), sized(chunk))


def made_leaf(domain, seed, index):
    """The leaves of the trees in the vectors: made from eight bytes of output."""
    if domain == "work":
        return work_leaf(index, salt(seed, index), state_digest(n8(index)))
    made = {"input": input_leaf, "chunk": chunk_leaf}[domain]
    return made(index, seed + n8(index))


def made_leaves(case):
    seed = bytes.fromhex(case["seed"])
    return [made_leaf(case["domain"], seed, i) for i in range(case["leaves"])]


# Tree

DOMAINS = {"input": b"input", "work": b"work\0", "chunk": b"chunk", "seal": b"seal\0"}


def cut(size):
    left = 1
    while left * 2 < size:
        left *= 2
    return left


def top(leaves):
    if len(leaves) == 1:
        return leaves[0]
    p = cut(len(leaves))
    return H("node", top(leaves[:p]), top(leaves[p:]))


def root(domain, leaves):
    return H("root", DOMAINS[domain], n8(len(leaves)), top(leaves))


def siblings(leaves, first, indices):
    """Tops of the largest subtrees of `leaves`, the first of which has index `first`, without any."""
    if not any(first <= i < first + len(leaves) for i in indices):
        return [top(leaves)]
    if len(leaves) == 1:
        return []
    p = cut(len(leaves))
    return siblings(leaves[:p], first, indices) + siblings(leaves[p:], first + p, indices)


def top_from_proof(start, size, opened, rest):
    """Consumes `rest`; `opened` maps indices to leaves."""
    if not any(start <= i < start + size for i in opened):
        return rest.pop(0)
    if size == 1:
        return opened[start]
    p = cut(size)
    left = top_from_proof(start, p, opened, rest)
    return H("node", left, top_from_proof(start + p, size - p, opened, rest))


# Sample


def draw(seed, steps, count):
    counter = 0

    def uniform(most):
        nonlocal counter
        while True:
            number = int.from_bytes(H("sample-stream", seed, n8(counter))[:8], "big")
            counter += 1
            if number <= 2**64 - 1 - 2**64 % (most + 1):
                return number % (most + 1)

    chosen = set()
    for last in range(steps - count, steps):
        candidate = uniform(last)
        chosen.add(last if candidate in chosen else candidate)
    return sorted(chosen)


# What a worker keeps

CODES = {"input": 0, "work": 1, "chunk": 2}


def perfect_tops(leaves):
    out, start = [], 0
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            out.append(top(leaves[start : start + (1 << bit)]))
            start += 1 << bit
    return out


def saved_tree(case, leaves):
    body = bytes([1, CODES[case["domain"]]]) + n8(len(leaves)) + b"".join(perfect_tops(leaves)) + b"\0"
    return body + H("tree-state", body)


def checkpoints(case, leaves):
    group = 1 << case["level"]
    tops = [top(leaves[i : i + group]) for i in range(0, len(leaves), group)]
    body = bytes([1, CODES[case["domain"]], case["level"]]) + n8(len(leaves)) + b"".join(tops)
    return body + H("checkpoints", body)


# Cases: each function gives the outputs of one kind, from its inputs alone.

CASES = {}


def case_of(kind):
    def register(function):
        CASES[kind] = function
        return function

    return register


def h(case, name):
    return bytes.fromhex(case[name])


def hashes(case, name):
    return [bytes.fromhex(x) for x in case[name]]


@case_of("tagged")
def _(c):
    return {"hash": tagged(c["tag"], h(c, "message"))}


@case_of("state")
def _(c):
    return {"digest": state_digest(h(c, "output"))}


@case_of("salt")
def _(c):
    return {"salt": salt(h(c, "seed"), c["index"])}


@case_of("leaf")
def _(c):
    return {"leaf": work_leaf(c["index"], h(c, "salt"), h(c, "digest"))}


@case_of("record")
def _(c):
    return {"leaf": input_leaf(c["index"], h(c, "record"))}


@case_of("chunk")
def _(c):
    return {"leaf": chunk_leaf(c["index"], h(c, "chunk"))}


@case_of("tree")
def _(c):
    return {"root": root(c["domain"], made_leaves(c))}


@case_of("multiproof")
def _(c):
    leaves = made_leaves(c)
    opened = {i: leaves[i] for i in c["indices"]}
    rest = hashes(c, "siblings")
    above = top_from_proof(0, len(leaves), opened, rest)
    proven = H("root", DOMAINS[c["domain"]], n8(len(leaves)), above)
    if rest or proven != h(c, "root"):
        return {"the proof": "does not lead to the root"}
    return {"siblings": siblings(leaves, 0, c["indices"]), "root": root(c["domain"], leaves)}


@case_of("saved")
def _(c):
    leaves = made_leaves(c)
    return {"tree": saved_tree(c, leaves), "checkpoints": checkpoints(c, leaves)}


@case_of("nonce")
def _(c):
    return {"commitment": H("sample-nonce", h(c, "nonce"))}


@case_of("seed")
def _(c):
    return {"seed": H("sample-seed", h(c, "root"), h(c, "nonce"), h(c, "block_hash"))}


@case_of("draw")
def _(c):
    return {"indices": draw(h(c, "seed"), c["steps"], c["count"])}


@case_of("blind")
def _(c):
    indices, digests = c["indices"], hashes(c, "digests")
    counts = n8(len(indices)) + n8(len(digests))
    return {"commitment": H("blind-digests", h(c, "salt"), counts, *map(n8, indices), *digests)}


def compressed(secret):
    """The point of a scalar, in 33 bytes."""
    x, y = bip340.multiply(secret)
    return bytes([2 + y % 2]) + x.to_bytes(32, "big")


def n4(number):
    return number.to_bytes(4, "big")


def many(items):
    return n4(len(items)) + b"".join(items)


def long(data):
    return n4(len(data)) + data


def coefficients(secret, seed, job, root_, degree):
    start = [seed, secret, job, root_, n8(degree)]
    out = [int.from_bytes(secret, "big")]
    for j in range(1, degree + 1):
        tries = 0
        while True:
            number = int.from_bytes(H("polynomial", *start, n8(j), n8(tries)), "big")
            if 0 < number < bip340.N:
                break
            tries += 1
        out.append(number)
    return out


def value(f, x):
    total = 0
    for coefficient in reversed(f):
        total = (total * x + coefficient) % bip340.N
    return total.to_bytes(32, "big")


def commitment_bytes(job, steps, root_, result, openings, points, boxes, coefficients_):
    return b"NXCM2" + job + n8(steps) + root_ + result + n4(openings) + points + boxes + coefficients_


@case_of("sealed")
def _(c):
    secret, job, steps, degree = h(c, "secret"), h(c, "job"), c["steps"], c["openings"]
    whole = h(c, "outputs")
    width = len(whole) // steps
    outputs = [whole[i * width : (i + 1) * width] for i in range(steps)]
    salts = [salt(h(c, "salt_seed"), i) for i in range(steps)]
    digests = [state_digest(o) for o in outputs]
    leaves = [work_leaf(i, salts[i], digests[i]) for i in range(steps)]
    root_ = root("work", leaves)
    f = coefficients(secret, h(c, "polynomial_seed"), job, root_, degree)
    points = b"NXKP1" + many([compressed(x) for x in f[1:]])
    points_id = H("key-points", points)
    plain = b"".join(x.to_bytes(32, "big") for x in f[1:])
    zero = bytes(12)
    box = chacha.encrypt(H("coefficient-key", secret, job, points_id), zero, plain, b"")
    shares = [value(f, i + 1) for i in range(steps)]
    keys = [H("step-key", job, n8(i), shares[i]) for i in range(steps)]
    boxes = [chacha.encrypt(keys[i], zero, salts[i] + outputs[i], b"") for i in range(steps)]
    hashes_ = [H("box", sized(b)) for b in boxes]
    box_leaves = [H("box-leaf", n8(i), leaves[i], hashes_[i]) for i in range(steps)]
    data = commitment_bytes(
        job, steps, root_, compressed(f[0]), degree, points_id, root("seal", box_leaves), H("coefficients", box)
    )
    opened = c["opened"]
    proofs = many(siblings(leaves, 0, opened)) + many(siblings(box_leaves, 0, opened))

    def opening(boxed):
        shown_ = [n8(i) + salts[i] + digests[i] + shares[i] + boxed(i) for i in opened]
        return b"NXOP2" + many(shown_) + proofs + long(points)

    return {
        "sealed": box + b"".join(leaf + b for leaf, b in zip(leaves, boxes)),
        "points": points,
        "commitment_bytes": data,
        "id": H("commitment", data),
        "opening": opening(lambda i: b"\1" + long(boxes[i])),
        "opening_id": H("opening", opening(lambda i: b"\0" + hashes_[i])),
    }


@case_of("commitment")
def _(c):
    names = [h(c, name) for name in ("points", "boxes", "coefficients")]
    data = commitment_bytes(h(c, "job"), c["steps"], h(c, "root"), h(c, "result"), c["openings"], *names)
    return {"bytes": data, "id": H("commitment", data)}


@case_of("receipt")
def _(c):
    kind = {"commitment": 1, "blind_digests": 2, "opening": 3}[c["receipt"]]
    issuer = bip340.public_key(h(c, "secret"))
    data = bytes([kind]) + h(c, "contract") + h(c, "item") + issuer
    data += h(c, "holder") + h(c, "previous") + c["height"].to_bytes(4, "big")
    message, signature = H("receipt", data), h(c, "signature")
    if not bip340.verify(issuer, message, signature):
        return {"signature": "is not the issuer's"}
    return {"issuer": issuer, "id": message, "bytes": data + signature}


@case_of("archive")
def _(c):
    chunks = c["data_chunks"] + c["parity_chunks"]
    numbers = [c["file_bytes"], c["data_chunks"], c["parity_chunks"], c["chunk_bytes"]]
    id_ = H("archive", *map(n8, numbers), h(c, "root"))
    steered = [id_, h(c, "nonce"), h(c, "block_hash")]
    return {
        "id": id_,
        "challenge": H("challenge", *steered, n8(c["count"])),
        "indices": draw(H("sample-seed", *steered), chunks, c["count"]),
    }


def shown(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [shown(x) for x in value]
    return value


def main(paths):
    checked = wrong = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            cases = json.load(file)
        for number, case in enumerate(cases):
            checked += 1
            for name, value in CASES[case["kind"]](case).items():
                if shown(value) != case.get(name):
                    wrong += 1
                    print(f"{path}: case {number} ({case['kind']}): {name}: {shown(value)} here, {case.get(name)} there")
    print(f"{checked} cases, {wrong} disagreements")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
