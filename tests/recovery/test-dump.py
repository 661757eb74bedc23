#!/usr/bin/env python3
"""Checks `check --dump` from outside: its .npy files are read, and y = W x + bias recomputed in double from the first
columns of the blocks. Nothing of the program's own mathematics is used. TAP on stdout.

usage: test-dump.py CIRCBENCH
"""
import ast
import itertools
import json
import math
import os
import struct
import sys

import bench
from tap import Tap

BOUND = 2e-6 # relative RMS

# Blocks that divide and do not, larger than the layer, prime and 1; a batch that fills no vector.
FC = {"layers": ["fc:10x7", "fc:16x8", "fc:1x1", "fc:33x20"], "blocks": "1,2,3,4,5,7,8,16,37", "batches": "1,3"}
# Odd and even kernels, rectangular ones, one tap, more padding than image, one pixel.
CONV = {"layers": ["conv:3x3x5x7@6x5", "conv:5x2x4x6@5x4", "conv:1x1x6x4@3x3", "conv:5x5x3x2@2x3", "conv:3x3x4x4@1x1"],
        "blocks": "1,2,3,4,8", "batches": "1,2"}


def read_npy(path):
    """(shape, flat values) of a file in NumPy's format, version 1.0, little-endian float32, C order."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x93NUMPY\x01\x00", f"{path}: not an .npy file, version 1.0"
    length = struct.unpack_from("<H", data, 8)[0]
    header = data[10:10 + length]
    assert (10 + length) % 64 == 0 and header.endswith(b"\n"), f"{path}: a header that is not aligned"
    facts = ast.literal_eval(header.decode("latin1"))
    assert sorted(facts) == ["descr", "fortran_order", "shape"], f"{path}: {facts}"
    assert facts["descr"] == "<f4" and facts["fortran_order"] is False, f"{path}: {facts}"
    count = math.prod(facts["shape"])
    assert len(data) == 10 + length + 4 * count, f"{path}: {len(data)} bytes for {facts['shape']}"
    return tuple(facts["shape"]), struct.unpack_from(f"<{count}f", data, 10 + length)


def matrix(m, n, shape, values, at):
    """The m x n matrix of one tap from blocks [p][q][k] of first columns: W_ij[r][c] = w_ij[(r - c) mod k]."""
    p, q, k = shape
    assert (p, q) == (-(-m // k), -(-n // k)), f"{p} x {q} blocks of {k} for {m} x {n}"
    return [[values[at + ((r // k) * q + c // k) * k + (r % k - c % k) % k] for c in range(n)] for r in range(m)]


def fc(m, n, circulant, weights, x):
    shape, values = weights
    if circulant:
        w = matrix(m, n, shape, values, 0)
    else:
        assert shape == (m, n), f"dense weights {shape} for {m} x {n}"
        w = [values[r * n:(r + 1) * n] for r in range(m)]
    return [math.fsum(a * b for a, b in zip(row, x)) for row in w]


def conv_taps(layer, circulant, weights):
    """[P][C] matrices by tap."""
    r, s, c, p = layer["taps"]
    shape, values = weights
    if circulant:
        assert shape[:2] == (r, s) and len(shape) == 5, f"weights {shape} for {r} x {s} taps"
        size = math.prod(shape[2:])
        return {(i, j): matrix(p, c, shape[2:], values, (i * s + j) * size) for i in range(r) for j in range(s)}
    assert shape == (p, c, r, s), f"dense weights {shape}"
    return {(i, j): [[values[((o * c + ch) * r + i) * s + j] for ch in range(c)] for o in range(p)]
            for i in range(r) for j in range(s)}


def conv(layer, taps, x):
    """Stride 1, padding (r - 1) / 2 in both directions, channels first."""
    r, s, c, p = layer["taps"]
    height, width = layer["image"]
    pad = (r - 1) // 2
    rows, columns = height + 2 * pad - r + 1, width + 2 * pad - s + 1
    y = [[0.0] * (rows * columns) for _ in range(p)]
    for i, j, row, column in itertools.product(range(r), range(s), range(rows), range(columns)):
        from_row, from_column = row + i - pad, column + j - pad
        if not (0 <= from_row < height and 0 <= from_column < width):
            continue
        pixel = [x[(ch * height + from_row) * width + from_column] for ch in range(c)]
        for o, weights in enumerate(taps[i, j]):
            y[o][row * columns + column] += math.fsum(a * b for a, b in zip(weights, pixel))
    return (p, rows, columns), y


def parse(spec):
    """What an ad hoc layer says."""
    kind, text = spec.split(":")
    if kind == "fc":
        return {"kind": kind, "m": int(text.split("x")[0]), "n": int(text.split("x")[1])}
    taps, image = text.split("@")
    return {"kind": kind, "taps": tuple(map(int, taps.split("x"))), "image": tuple(map(int, image.split("x")))}


def expected(layer, circulant, files, batch):
    """(shape of the output without its batch, flat values of the batch) from weights, bias and input."""
    (x_shape, x), (b_shape, bias) = files["input"], files["bias"]
    flat, frames = [], len(x) // batch
    if layer["kind"] == "fc":
        m, n = layer["m"], layer["n"]
        assert x_shape == (batch, n) and b_shape == (m,), f"input {x_shape}, bias {b_shape}"
        for frame in range(batch):
            flat += [v + b for v, b in zip(fc(m, n, circulant, files["weights"], x[frame * n:(frame + 1) * n]), bias)]
        return (m,), flat
    _, _, c, p = layer["taps"]
    assert x_shape == (batch, c, *layer["image"]) and b_shape == (p,), f"input {x_shape}, bias {b_shape}"
    taps, shape = conv_taps(layer, circulant, files["weights"]), None
    for frame in range(batch):
        shape, y = conv(layer, taps, x[frame * frames:(frame + 1) * frames])
        flat += [v + b for channel, b in zip(y, bias) for v in channel]
    return shape, flat


def relative_rms(got, want):
    norm = math.fsum(v * v for v in want)
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(got, want)) / norm) if norm else math.inf


def check_folder(folder, layer, structure, batch):
    """The relative RMS error of a dumped point; raises AssertionError on what is not as it is written down."""
    files = {name: read_npy(os.path.join(folder, name + ".npy")) for name in ("weights", "input", "bias", "output")}
    shape, want = expected(layer, structure == "circulant", files, batch)
    assert files["output"][0] == (batch, *shape), f"output {files['output'][0]}, expected {(batch, *shape)}"
    return relative_rms(files["output"][1], want)


def check_weights(tap, folders, what):
    """Dumps of one layer and block under different batches hold the same weights; pruned ones are sparse."""
    for structure, group in folders.items():
        weights = {}
        for folder, block in group:
            weights.setdefault(block, set()).add(read_npy(os.path.join(folder, "weights.npy"))[1])
        tap.ok(all(len(found) == 1 for found in weights.values()), f"{what}: {structure} weights do not depend on "
               "backend and batch")
        if structure == "pruned":
            counts = {block: sum(v != 0 for v in next(iter(found))) for block, found in weights.items()}
            tap.ok(counts[max(counts)] < counts[min(counts)], f"{what}: a larger block prunes more: {counts}")


def check_kind(tap, machine, axes, name):
    for spec in axes["layers"]:
        into = f"{name}-{axes['layers'].index(spec)}"
        done = machine.run("check", "-w", spec, "-k", axes["blocks"], "-n", axes["batches"], "-b", "cpu,ref", "-t", "1",
                           "--dump", into, "-q", "-o", "json")
        if not tap.same(done.returncode, 0, f"{spec}: check --dump"):
            tap.note(done.stderr)
            continue
        worst, complaints, seen, layer = 0, [], {}, parse(spec)
        for folder in sorted(os.listdir(machine.path(into))):
            words = folder.split("-")
            structure, backend = words[2], words[1]
            block = next(word for word in words if word[0] == "k" and word[1].isdigit())
            batch = next(int(word[1:]) for word in words if word[0] == "n" and word[1:].isdigit())
            path = machine.path(into, folder)
            seen.setdefault(structure, []).append((path, int(block[1:].split("c")[0])))
            try:
                error = check_folder(path, layer, structure, batch)
                worst = max(worst, error)
                if error > BOUND:
                    complaints.append(f"{folder}: relative RMS {error:.3g}")
            except AssertionError as failure:
                complaints.append(f"{folder} ({backend}): {failure}")
        blocks, batches = (len(axes[axis].split(",")) for axis in ("blocks", "batches"))
        rows = json.loads(done.stdout)
        absent = [row for row in rows if row["status"] == "absent"]
        tap.same(len(rows), 2 * batches * (1 + 2 * blocks), f"{spec}: every point")
        tap.ok(all(row["structure"] == "dense" and row["backend"] == "cpu" for row in absent),
               f"{spec}: no more is absent than a BLAS" if absent else f"{spec}: nothing is absent")
        tap.same((sum(map(len, seen.values())), sorted(seen)),
                 (len(rows) - len(absent), ["circulant", "dense", "pruned"]),
                 f"{spec}: a folder a point")
        tap.none(complaints, f"{spec}: y = W x + bias within {BOUND:g} (worst {worst:.3g})")
        if spec == axes["layers"][0]:
            check_weights(tap, seen, spec)


def main():
    tap, machine = Tap(), bench.Bench(sys.argv[1])
    try:
        check_kind(tap, machine, FC, "fc")
        check_kind(tap, machine, CONV, "conv")
    finally:
        machine.close()
    return tap.done()


sys.exit(main())
