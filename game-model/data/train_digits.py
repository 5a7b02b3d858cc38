#!/usr/bin/env python3
"""Trains the digits model: digits.csv -> digits.model, beside this file.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.*
    venv/bin/python game-model/data/train_digits.py

Trains on the first 900 rows only (shifted by up to a pixel, so that the model does not depend on
where a digit sits); the other 897 rows are held out. Training uses floating point and its weights
may differ between machines in the last places; inference uses integers only, and the job is bound
to the bytes of the file that was written once.

Format of the file, all numbers little-endian:
    magic     8 bytes  "NXMODEL1"
    layers    u8       1 to 8
    inputs    u16      values of a record
    max_input u8       largest of these values
    per layer:
        outputs u16
        shift   u8     the sums are divided by 2^shift, rounding down, before they are cut to
                       0..127; unused (0) in the last layer
        biases  outputs x i32
        weights outputs x inputs x i8, output by output
"""

import pathlib
import struct

import numpy as np

SEED = 20
TRAIN_ROWS = 900
HIDDEN = 48
EPOCHS = 120
HERE = pathlib.Path(__file__).parent


def shifted(images):
    """Each image, and the image moved by one pixel up, down, left and right."""
    square = images.reshape(-1, 8, 8)
    moved = [square]
    for axis in (1, 2):
        for by in (-1, 1):
            copy = np.roll(square, by, axis=axis)
            edge = [slice(None)] * 3
            edge[axis] = 0 if by == 1 else 7
            copy[tuple(edge)] = 0
            moved.append(copy)
    return np.concatenate(moved).reshape(-1, 64)


def train(images, labels, rng):
    """Two layers, ReLU, softmax, Adam with weight decay."""
    x = images / 16.0
    target = np.eye(10)[labels]
    shapes = [(64, HIDDEN), (HIDDEN,), (HIDDEN, 10), (10,)]
    params = [rng.normal(0, (2 / s[0]) ** 0.5, s) if len(s) == 2 else np.zeros(s) for s in shapes]
    first, second = [np.zeros(s) for s in shapes], [np.zeros(s) for s in shapes]
    count = 0
    for epoch in range(EPOCHS):
        rate = 0.003 * (1 - epoch / EPOCHS) + 1e-5
        order = rng.permutation(len(x))
        for start in range(0, len(x), 64):
            rows = order[start : start + 64]
            w1, b1, w2, b2 = params
            hidden = np.maximum(x[rows] @ w1 + b1, 0)
            mask = (rng.random(hidden.shape) > 0.2) / 0.8
            dropped = hidden * mask
            score = dropped @ w2 + b2
            soft = np.exp(score - score.max(1, keepdims=True))
            gap = (soft / soft.sum(1, keepdims=True) - target[rows]) / len(rows)
            back = (gap @ w2.T) * (hidden > 0) * mask
            grads = [x[rows].T @ back + 1e-4 * w1, back.sum(0), dropped.T @ gap + 1e-4 * w2, gap.sum(0)]
            count += 1
            for i, grad in enumerate(grads):
                first[i] = 0.9 * first[i] + 0.1 * grad
                second[i] = 0.999 * second[i] + 0.001 * grad**2
                step = first[i] / (1 - 0.9**count) / ((second[i] / (1 - 0.999**count)) ** 0.5 + 1e-8)
                params[i] = params[i] - rate * step
    return params


def quantise(params, images):
    """Integer weights: the first layer's scale is chosen so that its sums, shifted, fit 0..127."""
    w1, b1, w2, b2 = params
    s1 = 127 / np.abs(w1).max()
    wide1 = np.rint(w1 * s1).astype(np.int64)
    # Records hold 0..16, training saw x/16: the bias moves by the same factor.
    bias1 = np.rint(b1 * s1 * 16).astype(np.int64)
    sums = np.maximum(images @ wide1 + bias1, 0)
    shift = max(0, int(np.ceil(np.log2(np.quantile(sums, 0.9995) / 127))))
    s2 = 127 / np.abs(w2).max()
    wide2 = np.rint(w2 * s2).astype(np.int64)
    bias2 = np.rint(b2 * s2 * s1 * 16 / 2**shift).astype(np.int64)
    return (wide1, bias1, shift), (wide2, bias2, 0)


def infer(layers, images):
    (w1, b1, shift), (w2, b2, _) = layers
    hidden = np.clip((images @ w1 + b1) >> shift, 0, 127)
    return (hidden @ w2 + b2).argmax(1)


def main():
    rows = np.loadtxt(HERE / "digits.csv", delimiter=",", dtype=np.int64)
    images, labels = rows[:, :64], rows[:, 64]
    rng = np.random.default_rng(SEED)
    many = shifted(images[:TRAIN_ROWS])
    params = train(many, np.tile(labels[:TRAIN_ROWS], 5), rng)
    layers = quantise(params, images[:TRAIN_ROWS])
    out = b"NXMODEL1" + struct.pack("<BHB", len(layers), 64, 16)
    for weights, biases, shift in layers:
        out += struct.pack("<HB", weights.shape[1], shift)
        out += biases.astype("<i4").tobytes()
        out += weights.T.astype(np.int8).tobytes()
    (HERE / "digits.model").write_bytes(out)
    right = infer(layers, images) == labels
    print(f"{len(out)} bytes, shift {layers[0][2]}")
    print(f"training rows {right[:TRAIN_ROWS].mean():.2%}, held-out rows {right[TRAIN_ROWS:].mean():.2%}")


main()
