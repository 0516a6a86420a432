"""Random tables and expressions and what this release of polars makes of them.

usage: polars_oracle.py SEED TABLES EXPRESSIONS FOLDER, in an environment that has polars and nothing else

For each table writes N.arrow (what the expressions look at) and N.json: a list of {"text": the expression as
JSON, "shown": as Python shows it, and "values" or "error"}.
"""

import json
import math
import pathlib
import random
import sys
import warnings

import polars as pl

warnings.simplefilter("ignore")

VERSION = tuple(int(part) for part in pl.__version__.split(".")[:2])
OLD = VERSION < (0, 20)
NAN = float("nan")
FRACTIONS = [0.0, 0.1, 0.1, 0.9, 0.9, 0.5, 1.0, 1.1, 1.5, 1.9, -0.9, -0.25, 7.3, 100.125]
WHOLE = [0, 0, 1, 1, 1, 2, 3, 5, 7, 42, 100, 127]
TEXTS = ["", "a", "abc", "a.c", "éa", "site0001", "zz"]
INTEGERS = {
    "i8": pl.Int8,
    "i16": pl.Int16,
    "i32": pl.Int32,
    "i64": pl.Int64,
    "u8": pl.UInt8,
    "u16": pl.UInt16,
    "u32": pl.UInt32,
    "u64": pl.UInt64,
}
FLOATS = {"f32": pl.Float32, "f64": pl.Float64}
STRING = pl.Utf8


def without_nan(rows):
    """Whether NaN is left out: before 0.20 comparisons with it depended on the number of rows."""
    return VERSION == (0, 19) or (OLD and rows == 1)


def table(rng):
    """A table with a column of each type, with or without nulls and NaN."""
    rows = rng.choice([1, 2, 3, 8, 40])
    nulls = rng.choice([0, 0, 0.2])
    nans = 0 if without_nan(rows) else rng.choice([0, 0.15])
    # Nulls and empty lists inside of lists, whose nulls 0.18 and 0.19 take for values now and then.
    gaps = rng.choice([0, 0, 0.2])
    holes = 0 if OLD else gaps

    def fraction():
        if rng.random() < nans:
            return rng.choice([NAN, NAN, math.inf, -math.inf])
        return rng.choice([*FRACTIONS, round(rng.uniform(-3, 3), 3)])

    def whole(name):
        value = rng.choice(WHOLE)
        if not name.startswith("u") and rng.random() < 0.3:
            return -value
        if name in ("i32", "u32") and rng.random() < 0.1:
            return 2**31 - 1
        if name in ("i64", "u64") and rng.random() < 0.1:
            return 2**53 + 1
        return value

    def column(make, dtype):
        values = [None if rng.random() < nulls else make() for _ in range(rows)]
        return pl.Series(values, dtype=dtype)

    def lists(make, dtype):
        def one():
            length = rng.randint(1, 4) if gaps == 0 or rng.random() < 0.9 else 0
            return [None if rng.random() < holes else make() for _ in range(length)]

        return pl.Series([one() for _ in range(rows)], dtype=pl.List(dtype))

    columns = {name: column(lambda name=name: whole(name), dtype) for name, dtype in INTEGERS.items()}
    columns |= {name: column(fraction, dtype) for name, dtype in FLOATS.items()}
    columns["b"] = column(lambda: rng.random() < 0.5, pl.Boolean)
    columns["s"] = column(lambda: rng.choice(TEXTS), STRING)
    columns |= {f"l{name}": lists(fraction, dtype) for name, dtype in FLOATS.items()}
    for name in ("i8", "i32", "i64", "u16"):
        columns[f"l{name}"] = lists(lambda name=name: whole(name), INTEGERS[name])
    columns["lb"] = lists(lambda: rng.random() < 0.5, pl.Boolean)
    columns["ls"] = lists(lambda: rng.choice(TEXTS), STRING)
    return pl.DataFrame({f"in.{name}": values for name, values in columns.items()})


class Maker:
    """Random expressions of a wanted type: a name of a number type, "b" or "s"."""

    def __init__(self, rng, frame):
        self.rng = rng
        self.nan = not without_nan(len(frame))

    def column(self, name):
        return pl.col(f"in.{name}")

    def text(self):
        return self.column("s") if self.rng.random() < 0.6 else self.get("ls")

    def get(self, name):
        if self.rng.random() < 0.8:
            index = self.rng.choice([0, 0, 0, 1, -1, 3])
        else:
            index = self.column(self.rng.choice(["i8", "i32", "u16"]))
        lists = self.column(name).list
        if VERSION >= (0, 20) and self.rng.random() < 0.6:
            return lists.get(index, null_on_oob=self.rng.random() < 0.8)
        if not isinstance(index, int):
            return lists.get(index)
        return {0: lists.first, -1: lists.last}.get(index, lambda: lists.get(index))()

    def number(self, depth):
        """An expression of numbers; its type is whatever comes of it."""
        if depth <= 0:
            pick = self.rng.random()
            if pick < 0.6:
                # 0.18 and 0.19 take nulls among uint16 for values when they look for the greatest.
                names = ["f32", "f64", "i8", "i32", "i64", "u8", "u32"]
                return self.column(self.rng.choice(names if OLD else [*names, "u16"]))
            if pick < 0.65:
                return self.column("u64")
            # 0.18 and 0.19 take nulls among uint16 for values when they look for the greatest.
            return self.get(
                self.rng.choice(["lf32", "lf32", "lf64", "li32", "li64", "li8", "li8" if OLD else "lu16"])
            )
        makers = [self.binary, self.unary, self.of_list, self.aggregate, self.branch, self.filled, self.cast]
        return self.rng.choice(makers)(depth - 1)

    def literal(self):
        return self.rng.choice([0, 1, 2, 3, 7, -1, 0.5, 0.1, 0.1, 0.9, 0.9, 1.5, 300, -0.25])

    def binary(self, depth):
        left = self.number(depth)
        right = self.literal() if self.rng.random() < 0.6 else self.number(depth)
        op = self.rng.choice(["+", "-", "*", "/", "+", "-", "*", "//", "%", "**", "r-"])
        if op == "/" and not self.nan:
            op = "*"
        if op == "**":
            return left ** self.rng.choice([2, 3, 0.5, 1.5, -1.0] if self.nan else [2, 3])
        if op in ("//", "%"):
            right = self.rng.choice([1, 2, 3, 7, -2]) if self.rng.random() < 0.7 else right
        return {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: left / right,
            "//": lambda: left // right,
            "%": lambda: left % right,
            "r-": lambda: 2 - left,
        }[op]()

    def unary(self, depth):
        value = self.number(depth)
        names = ["abs", "exp", "floor", "ceil", "round0", "round2", "neg", "clip", "nan"]
        name = self.rng.choice([*names, "sqrt", "log", "log10"] if self.nan else names)
        if name == "neg":
            return -value
        if name == "round0":
            return value.round(0)
        if name == "round2":
            return value.round(self.rng.choice([1, 2, 3]))
        if name == "clip":
            return value.clip(self.rng.choice([0, 1, -1.5]), self.rng.choice([2, 3, 2.5]))
        if name == "nan":
            return value.fill_nan(self.rng.choice([0, 0.1]))
        return getattr(value, name)()

    def of_list(self, _):
        name = self.rng.choice(["lf32", "lf32", "lf64", "li8", "li32", "li64", "lu16", "lb"])
        lists = self.column(name).list
        if name == "lb":
            return lists.sum()
        names = ["sum"] if VERSION < (0, 19) else ["min", "max", "mean", "sum", "len"]
        if VERSION == (0, 19):
            names.remove("mean")  # NaN for an empty list
        return getattr(lists, self.rng.choice(names))()

    def aggregate(self, depth):
        value = self.number(min(depth, 1))
        names = [
            "min",
            "max",
            "mean",
            "sum",
            "count",
            "len",
            "median",
            "n_unique",
            "first",
            "last",
            "null_count",
        ]
        if VERSION != (0, 19):
            names += ["std", "var"]
        name = self.rng.choice(names)
        pick = self.rng.random()
        if pick < 0.15:
            return self.boolean(0).sum()
        if pick < 0.2 and VERSION >= (0, 20):
            return pl.len()
        return getattr(value, name)()

    def branch(self, depth):
        then = self.number(depth)
        otherwise = self.literal() if self.rng.random() < 0.5 else self.number(depth)
        if self.rng.random() < 0.15:
            then, otherwise = self.literal(), self.literal()
        return pl.when(self.boolean(depth)).then(then).otherwise(otherwise)

    def filled(self, depth):
        value = self.number(depth)
        other = self.literal() if self.rng.random() < 0.6 else self.number(depth)
        return value.fill_null(other) if self.rng.random() < 0.7 else pl.coalesce(value, other)

    def cast(self, depth):
        dtype = self.rng.choice([*INTEGERS.values(), *FLOATS.values(), *FLOATS.values()])
        value = self.number(depth) if self.rng.random() < 0.8 else self.boolean(depth)
        return value.cast(dtype, strict=self.rng.random() < 0.5)

    def compared(self, depth):
        left = self.number(depth)
        pick = self.rng.random()
        if pick < 0.6:
            right = self.literal()
        elif pick < 0.7:
            dtype = self.rng.choice([pl.Float32, pl.Float64, pl.Int32, pl.UInt8])
            right = pl.lit(self.rng.choice([1, 2, 7]), dtype=dtype)
        elif pick < 0.8:
            right = self.column(self.rng.choice(["f32", "f32", "f64", "i32", "u8"]))
        else:
            right = self.number(depth)
        return self.compare(left, right)

    def compare(self, left, right):
        name = self.rng.choice(["eq", "ne", "lt", "le", "gt", "ge", "gt", "lt", "eq_missing", "ne_missing"])
        return getattr(left, name)(right)

    def tested(self, depth):
        value = self.number(depth)
        pick = self.rng.random()
        if pick < 0.2:
            closed = self.rng.choice(["both", "left", "right", "none"])
            return value.is_between(
                self.rng.choice([0, 0.1, -1]), self.rng.choice([1, 0.9, 7]), closed=closed
            )
        if pick < 0.4:
            if self.rng.random() < 0.5:
                return self.column(self.rng.choice(["i8", "i32", "i64", "u16"])).is_in([1, 2, 7, 300])
            return self.column("f64").is_in([0.1, 0.9, 2.0])
        name = self.rng.choice(["is_null", "is_not_null", "is_nan", "is_not_nan", "is_finite", "is_infinite"])
        return getattr(value, name)()

    def texts(self, _):
        value = self.text()
        name = self.rng.choice(
            ["eq", "contains", "starts", "ends", "in", "bytes", "chars", "order", "null", "fill"]
        )
        wanted = self.rng.choice(TEXTS)
        if name in ("bytes", "chars"):
            old = {"bytes": "lengths", "chars": "n_chars"}
            new = {"bytes": "len_bytes", "chars": "len_chars"}
            length = getattr(value.str, (old if VERSION < (0, 19) else new)[name])()
            return length > self.rng.choice([0, 1, 3])
        return {
            "eq": lambda: self.compare(value, pl.lit(wanted)),
            "contains": lambda: value.str.contains(wanted, literal=True),
            "starts": lambda: value.str.starts_with(wanted),
            "ends": lambda: value.str.ends_with(wanted),
            "in": lambda: value.is_in(["a", "abc", wanted]),
            "order": lambda: self.compare(value, self.text()),
            "null": lambda: value.is_null(),
            "fill": lambda: value.fill_null(pl.lit("a")) == pl.lit("a"),
        }[name]()

    def logic(self, depth):
        left, right = self.boolean(depth), self.boolean(depth)
        # Before 0.20 xor with one null for all rows was true.
        name = self.rng.choice(["and", "or", "or" if OLD else "xor", "not", "any", "all", "when", "eq"])
        return {
            "and": lambda: left & right,
            "or": lambda: left | right,
            "xor": lambda: left ^ right,
            "not": lambda: ~left,
            "any": lambda: pl.any_horizontal(left, right),
            "all": lambda: pl.all_horizontal(left, right),
            "when": lambda: pl.when(left).then(right).otherwise(self.rng.choice([True, False])),
            "eq": lambda: left == right,
        }[name]()

    def of_booleans(self, _):
        name = self.rng.choice(["any", "all", "list", "contains", "column", "first", "eq"])
        value = self.column("b")
        lists = self.rng.choice(["li8", "li32", "li64"])
        return {
            "any": lambda: self.tested(0).any(),
            "all": lambda: self.tested(0).all(),
            "list": lambda: getattr(self.column("lb").list, self.rng.choice(["any", "all", "first"]))(),
            "contains": lambda: self.column(lists).list.contains(self.rng.choice([1, 2, 7])),
            "column": lambda: value,
            "first": lambda: value.first().fill_null(False),
            "eq": lambda: value == self.rng.choice([True, False]),
        }[name]()

    def boolean(self, depth):
        if depth <= 0:
            return self.rng.choice([self.compared, self.compared, self.of_booleans, self.texts])(0)
        makers = [
            self.compared,
            self.compared,
            self.compared,
            self.logic,
            self.logic,
            self.tested,
            self.texts,
        ]
        return self.rng.choice([*makers, self.of_booleans])(depth - 1)


def plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def text_of(expression):
    meta = expression.alias("v").meta
    return meta.serialize(format="json") if VERSION >= (1, 0) else meta.write_json()


def answer(frame, expression):
    """What polars says of it, one value a row."""
    try:
        result = frame.lazy().with_columns(expression.alias("v")).collect()["v"]
        if result.dtype == pl.List:
            return {"error": "a list"}
        return {"values": [plain(value) for value in result.to_list()], "type": str(result.dtype)}
    except BaseException as error:  # a panic of polars is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def write(frame, path):
    options = {}
    if VERSION >= (1, 0):
        # Without views, which Joey's Arrow input does not have.
        old = pl.CompatLevel.oldest() if hasattr(pl, "CompatLevel") else False
        options = {"compat_level": old} if hasattr(pl, "CompatLevel") else {"future": False}
    elif VERSION >= (0, 20):
        options = {"future": False}
    frame.write_ipc(path, compression="uncompressed", **options)


def main():
    seed, tables, expressions, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    rng = random.Random(seed)
    for number in range(tables):
        frame = table(rng)
        write(frame, pathlib.Path(folder, f"{number}.arrow"))
        out = []
        while len(out) < expressions:
            maker = Maker(rng, frame)
            depth = rng.choice([0, 1, 1, 2, 2, 3])
            try:
                expression = maker.boolean(depth) if rng.random() < 0.7 else maker.number(depth)
                text = text_of(expression)
            except (TypeError, AttributeError, ValueError) as error:
                raise SystemExit(f"cannot make an expression: {error!r}") from error
            out.append({"text": text, "shown": str(expression), **answer(frame, expression)})
        pathlib.Path(folder, f"{number}.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()
