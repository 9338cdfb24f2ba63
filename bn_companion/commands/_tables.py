"""Tables as text, CSV, JSON and Markdown."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TABLES", "as_csv", "as_json", "as_markdown", "as_text"]


def as_text(table: "pd.DataFrame") -> str:
    """Return columns of equal width, numbers with four decimals, learning rates as given."""
    rates = {name: "{:g}".format for name in table.columns if name == "learning_rate"}
    return table.reset_index().to_string(index=False, float_format="%.4f", formatters=rates) + "\n"


def as_csv(table: "pd.DataFrame") -> str:
    """Return a line a row, every digit of every number."""
    return str(table.to_csv(lineterminator="\n"))


def as_json(table: "pd.DataFrame") -> str:
    """Return a list of objects, one a row."""
    return table.reset_index().to_json(orient="records", indent=2, double_precision=15) + "\n"


def as_markdown(table: "pd.DataFrame") -> str:
    """Return a table as GitHub and MyST read it, numbers with four decimals."""
    rows = [line.split() for line in as_text(table).splitlines()]
    rows.insert(1, [":--"] + ["--:"] * (len(rows[0]) - 1))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


#: By the ending of the file.
TABLES: Mapping[str, "Callable[[pd.DataFrame], str]"] = {
    ".csv": as_csv,
    ".json": as_json,
    ".md": as_markdown,
}
