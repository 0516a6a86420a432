"""How objects and lists of them show themselves: plain text and escaped HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Optional, TypeVar

if TYPE_CHECKING:
    import datetime

    import pandas as pd
    import pyarrow as pa

T = TypeVar("T")

TIME_FORMAT = "%Y-%d-%b %H:%M:%S"
"""Year-day-month, as the guide shows it: 2023-22-Nov 16:24:51."""


def parse_time(text: Optional[str]) -> Optional[datetime.datetime]:
    """The moment that an ISO-8601 text names, None for None."""
    if not text:
        return None
    from dateutil.parser import isoparse

    return isoparse(text)  # type: ignore[no-any-return,unused-ignore]


def show_time(text: Optional[str], time_format: str = TIME_FORMAT) -> str:
    """An ISO-8601 text in the form of displays."""
    moment = parse_time(text)
    return moment.strftime(time_format) if moment else ""


def tags_text(document: dict[str, Any]) -> str:
    """The tags of a pipeline or one of its versions."""
    return ", ".join(str(tag["tag"]) for tag in document.get("tags") or [])


def html_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """An HTML table; every text in it is escaped."""
    head = "".join(f"<th>{escape(str(c))}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(v))}</td>" for v in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_fields(fields: Sequence[tuple[str, Any]]) -> str:
    """An HTML table of names and values; every text in it is escaped."""
    body = "".join(
        f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
        for name, value in fields
    )
    return f"<table><tbody>{body}</tbody></table>"


class Table(list[T]):
    """A list that a notebook shows as a table.

    It is a plain list for code and for ``print``; ``to_pandas()`` and ``to_arrow()`` give what
    the notebook shows as a frame.
    """

    _columns: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def _row(item: Any) -> Sequence[Any]:
        raise NotImplementedError

    def _rows(self) -> list[Sequence[Any]]:
        return [self._row(item) for item in self]

    def to_pandas(self) -> pd.DataFrame:
        """The table as shown, one row an item."""
        import pandas as pd

        rows = [tuple(row) for row in self._rows()]
        frame: pd.DataFrame = pd.DataFrame.from_records(rows, columns=list(self._columns))
        return frame

    def to_arrow(self) -> pa.Table:
        """The table as shown, one row an item, every column as text."""
        import pyarrow as pa

        rows = self._rows()
        return pa.table(
            {
                name: pa.array([str(row[i]) for row in rows], pa.string())
                for i, name in enumerate(self._columns)
            }
        )

    def _repr_html_(self) -> str:
        if not self:
            return "(no rows)"
        return html_table(self._columns, self._rows())
