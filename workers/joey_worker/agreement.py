"""Whether a converted model gives what the original gives."""

from dataclasses import dataclass

import numpy as np

from joey_worker.failure import StepError

# Two numbers agree when they differ by at most `tolerance` times the larger of them, or what is typical for
# the model or for the rows beside them. Labels, integers and texts have to be the same.


@dataclass
class Agreement:
    rows: int = 0  # compared
    refused: int = 0  # the original gives an error for these
    largest: float = 0.0  # relative difference

    def text(self):
        out = f"agrees on {self.rows} rows, largest relative difference {self.largest:.1e}"
        return out + (
            f"; {self.refused} rows that the original refuses were left out" if self.refused else ""
        )


class Disagreement(Exception):
    """Says on which rows and by how much."""


def check_usable(original, blocks):
    """Raises StepError where a model refuses all the ordinary rows."""
    last = None
    for block in blocks:
        if block.ordinary:
            try:
                original(block.arrays)
                return
            except StepError:
                raise
            except Exception as error:
                last = error
    if last is not None:
        raise StepError(
            f"the model cannot be used with input_schema: {type(last).__name__}: {last}",
            "declare the inputs as the model was trained with",
            "load",
        ) from last


def compare(original, converted, blocks, tolerance):
    """Both are functions from arrays by name to arrays by name. Raises Disagreement."""
    check_usable(original, blocks)
    found = Agreement()
    typical = {}  # of each output, for ordinary rows
    for block in sorted(blocks, key=lambda block: not block.ordinary):
        try:
            with np.errstate(all="ignore"):
                expected = original(block.arrays)
        except Exception:
            found.refused += block.rows()
            continue
        try:
            got = converted(block.arrays)
        except Exception as error:
            raise Disagreement(f"it fails for {block.name}: {error}") from error
        for name, array in expected.items():
            array = np.asarray(array)
            if block.ordinary:
                typical.setdefault(name, []).append(_typical(array))
            difference = _difference(array, np.asarray(got[name]), max(typical.get(name, [0.0])))
            if not difference <= tolerance:
                raise Disagreement(
                    f"'{name}' differs by {difference:.2g} (relative, allowed is {tolerance:g}) "
                    f"for {block.name}"
                )
            found.largest = max(found.largest, difference)
        found.rows += block.rows()
    return found


def _typical(array):
    if array.dtype.kind != "f":
        return 0.0
    finite = np.abs(array[np.isfinite(array)])
    return float(np.median(finite)) if finite.size else 0.0


def _difference(expected, got, typical):
    if expected.shape != got.shape:
        return np.inf
    if expected.dtype.kind not in "fc" or got.dtype.kind not in "fc":
        return 0.0 if np.array_equal(expected, got) else np.inf
    expected, got = expected.astype(np.float64), got.astype(np.float64)
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    if same.all():
        return 0.0
    if not (np.isfinite(expected[~same]).all() and np.isfinite(got[~same]).all()):
        return np.inf
    size = np.maximum(np.maximum(np.abs(expected), np.abs(got)), max(typical, _typical(expected)))
    return float((np.abs(expected - got)[~same] / size[~same]).max())
