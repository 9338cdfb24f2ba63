"""A study in words and as JSON, and its table as CSV, JSON and Markdown."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from bn_companion.train.study import PlacementStudy

__all__ = ["STUDIES", "TABLES", "as_csv", "as_json", "as_markdown", "as_text"]


def as_text(table: "pd.DataFrame") -> str:
    """Return columns of equal width, numbers with four decimals, learning rates as given."""
    rates = {name: "{:g}".format for name in table.columns if name == "learning_rate"}
    return table.reset_index().to_string(index=False, float_format="%.4f", formatters=rates) + "\n"


def as_csv(table: "pd.DataFrame") -> str:
    """Return a line a row, every digit of every number."""
    return str(table.to_csv(lineterminator="\n"))


def as_json(table: "pd.DataFrame") -> str:
    """Return a list of objects, one a row."""
    return json.dumps(_rows(table.reset_index()), indent=2) + "\n"


def as_markdown(table: "pd.DataFrame") -> str:
    """Return a table as GitHub and MyST read it, numbers with four decimals."""
    rows = [line.split() for line in as_text(table).splitlines()]
    rows.insert(1, [":--"] + ["--:"] * (len(rows[0]) - 1))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(frame: "pd.DataFrame") -> Any:
    # By way of pandas, which knows that JSON has no NaN.
    return json.loads(frame.to_json(orient="records", double_precision=15))


def _in_words(study: "PlacementStudy") -> str:
    low, high = study.interval
    seeds = study.runs["seed"].nunique()
    return (
        f"{as_text(study.table())}\n"
        f"{study.best} minus {study.rival} in test accuracy: {low:+.4f} to {high:+.4f} "
        f"(95% interval, {seeds} seeds)\n"
        f"Verdict: {study.verdict}\n"
    )


def _as_object(study: "PlacementStudy") -> str:
    said = {
        "verdict": study.verdict,
        "best": study.best,
        "rival": study.rival,
        "interval": list(study.interval),
        "table": _rows(study.table().reset_index()),
        "pairs": _rows(study.pairs),
    }
    return json.dumps(said, indent=2) + "\n"


#: A table, by the ending of the file.
TABLES: Mapping[str, "Callable[[pd.DataFrame], str]"] = {
    ".csv": as_csv,
    ".json": as_json,
    ".md": as_markdown,
}
#: A whole study, by the format that was asked for.
STUDIES: Mapping[str, "Callable[[PlacementStudy], str]"] = {
    "json": _as_object,
    "text": _in_words,
}
