"""Rows that a converted model is compared on: ordinary ones, those that the model itself holds, extremes.

The rows come from a generator with a fixed seed: the same model is always judged on the same rows.
"""

from dataclasses import dataclass

import numpy as np

SEED = 20231
ROWS = 128  # of one block of ordinary rows
CORNERS_MAX = 2048
SCALES = (1e-3, 1.0, 1e3)
EXTREMES = (0.0, 1.0, -1.0, 1e6, -1e6, 1e20, -1e20)


@dataclass
class Block:
    """Rows of one kind. A model may refuse them; of the `ordinary` ones it has to take some."""

    name: str
    arrays: dict
    ordinary: bool = False

    def rows(self):
        return len(next(iter(self.arrays.values())))


def blocks(inputs, points=None, corners=None):
    """`inputs`: (dtype, shape of a row) by name. `points`: rows of numbers that the model holds, such as
    means and cluster centres, for the only input. `corners`: (feature, value) where it changes its mind."""
    random = np.random.default_rng(SEED)

    def of(name, make, value, ordinary=False, first=None):
        arrays = {
            field: make(random, np.dtype(dtype), shape, value)[:first]
            for field, (dtype, shape) in inputs.items()
        }
        return Block(name, arrays, ordinary)

    out = [of(f"values about {scale:g}", _normal, scale, scale == 1.0) for scale in SCALES]
    if points is not None and len(points):
        out.append(_around(random, inputs, points))
    if corners:
        out.append(_corners(random, inputs, corners))
    out += [of(f"all {value:g}", _full, value) for value in EXTREMES]
    if any(np.dtype(dtype).kind == "f" for dtype, _ in inputs.values()):
        out += [of(f"some {value}", _some, value) for value in (np.nan, np.inf, -np.inf)]
    out.append(of("small whole numbers", _whole, 3, True))
    out.append(of("one row of them", _whole, 3, True, 1))
    out.append(of("one row", _normal, 1.0, True, 1))
    return out


def _normal(random, dtype, shape, scale):
    return _as(random.normal(0, scale, (ROWS, *shape)), dtype)


def _whole(random, dtype, shape, end):
    return random.integers(0, end, (ROWS // 4, *shape)).astype(dtype)


def _full(_, dtype, shape, value):
    return _as(np.full((2, *shape), value), dtype)


def _some(random, dtype, shape, value):
    values = random.normal(size=(ROWS // 4, *shape))
    if dtype.kind == "f":
        values[random.random(values.shape) < 0.3] = value
        values[0] = value
    return _as(values, dtype)


def _as(values, dtype):
    if dtype.kind == "b":
        return values > 0
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.clip(np.rint(values), max(info.min, -(2**31)), min(info.max, 2**31 - 1)).astype(dtype)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def _around(random, inputs, points):
    (name, (dtype, shape)) = next(iter(inputs.items()))
    points = np.asarray(points, np.float64).reshape(-1, *shape)
    chosen = points[random.integers(0, len(points), ROWS)]
    spread = points.std(axis=0) + np.abs(points).mean(axis=0) * 0.1 + 1e-6
    noisy = chosen + random.normal(size=chosen.shape) * spread
    return Block(
        "around what the model holds",
        {name: _as(np.concatenate([points[:ROWS], noisy]), np.dtype(dtype))},
        True,
    )


def _corners(random, inputs, corners):
    """Rows that lie exactly on a threshold of the model, or a hair beside it."""
    (name, (dtype, shape)) = next(iter(inputs.items()))
    dtype = np.dtype(dtype)
    if len(corners) > CORNERS_MAX:
        corners = [corners[i] for i in random.choice(len(corners), CORNERS_MAX, replace=False)]
    base = {}
    for feature, value in corners:
        base.setdefault(feature, []).append(value)
    values = np.empty((len(corners) * 3, *shape), np.float64)
    for feature in range(shape[0]):
        own = base.get(feature, [0.0, 1.0])
        values[:, feature] = random.choice(own, len(values))
    for i, (feature, value) in enumerate(corners):
        exact = np.float32(value)
        beside = (np.nextafter(exact, np.float32(-np.inf)), exact, np.nextafter(exact, np.float32(np.inf)))
        values[3 * i : 3 * i + 3, feature] = beside
    return Block("on the model's thresholds", {name: _as(values, dtype)}, True)
