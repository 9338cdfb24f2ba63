"""The explorer's markup: every run is in it, the first view is a table, and it is repeatable."""

import builtins
import json

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from scipy import stats

from bn_companion import plots
from tests.plots.runs import ARMS, RATES, fake_runs


def explorer(frame=None, **options):
    return plots.explore_placements(fake_runs() if frame is None else frame, **options)


def soup(shown):
    return BeautifulSoup(shown.html, "html.parser")


def study(shown):
    return json.loads(soup(shown).find("script", type="application/json").text)


def decoded(text):
    """Three letters each, in ten thousandths."""
    digits = np.array([ord(letter) - ord("A") for letter in text]).reshape(-1, 3)
    return digits @ [676, 26, 1] / 10_000


# --- oracle ---


def test_the_markup_holds_every_run_in_the_order_of_the_grid():
    frame = fake_runs()
    held = study(explorer(frame))
    ordered = frame.sample(frac=1, random_state=0)
    for name in ("dataset", "activation", "placement"):
        ordered[name] = pd.Categorical(ordered[name], list(dict.fromkeys(frame[name])))
    keys = ["dataset", "depth", "activation", "placement", "learning_rate", "seed"]
    expected = ordered.sort_values(keys)["test_accuracy"]
    np.testing.assert_allclose(decoded(held["test"]), expected, atol=0.5e-4)
    assert held["by"] == [
        {"name": "dataset", "values": ["digits", "wine"]},
        {"name": "depth", "values": ["2", "6"]},
        {"name": "activation", "values": ["tanh", "relu"]},
    ]
    assert held["rates"] == list(RATES)
    assert [arm["label"] for arm in held["arms"]] == ["no BN", "BN before", "BN after", "both"]
    assert [arm["color"] for arm in held["arms"]] == [
        plots.arm_style(arm, others=ARMS).color for arm in ARMS
    ]


def test_the_chosen_rate_is_the_best_on_validation_data():
    frame = fake_runs()
    means = frame.groupby(["dataset", "depth", "activation", "placement", "learning_rate"])
    best = means["val_accuracy"].mean().unstack("learning_rate").idxmax(axis=1)
    held = study(explorer(frame))
    conditions = [(d, n, a) for d in ("digits", "wine") for n in (2, 6) for a in ("tanh", "relu")]
    expected = [best[(*condition, arm)] for condition in conditions for arm in ARMS]
    assert [held["rates"][place] for place in held["chosen"]] == expected


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_table_is_the_first_condition_with_students_interval(level):
    frame = fake_runs()
    table = soup(explorer(frame, level=level)).table
    assert table.caption.text == "digits, depth 2, tanh, learning rate: each arm's best"
    assert table.find_all("th", scope="col")[-1].text == f"{100 * level:g}% interval"
    part = frame.query("dataset == 'digits' and depth == 2 and activation == 'tanh'")
    for arm, row in zip(ARMS, table.tbody.find_all("tr"), strict=True):
        runs = part[part["placement"] == arm]
        rate = runs.groupby("learning_rate")["val_accuracy"].mean().idxmax()
        scores = runs.loc[runs["learning_rate"] == rate, "test_accuracy"]
        middle = scores.mean()
        low, high = stats.t.interval(level, len(scores) - 1, middle, stats.sem(scores))
        cells = [cell.text for cell in row.find_all("td")]
        assert cells[0] == f"{rate:g}"
        shown = [float(cells[1]), *map(float, cells[2].split(" to "))]
        assert shown == pytest.approx([middle, low, high], abs=0.6e-3)


# --- invariance ---


def test_the_same_runs_give_the_same_markup_in_any_order_within_a_condition():
    frame = fake_runs()
    mixed = pd.concat(
        part.sample(frac=1, random_state=0)
        for _, part in frame.groupby(["dataset", "depth", "activation", "placement"], sort=False)
    )
    assert explorer(frame).html == explorer().html == explorer(mixed).html


def test_the_markup_loads_nothing_and_has_no_ids():
    shown = explorer()
    assert shown.html == shown._repr_html_()
    page = soup(shown)
    assert not page.select("[id], [src], [href], link, img")
    assert "http" not in shown.html
    assert all(select.find_parent("label") for select in page.find_all("select"))
    assert [len(select.find_all("option")) for select in page.find_all("select")] == [2, 2, 2, 4]


def test_names_cannot_break_out_of_the_markup():
    frame = fake_runs().replace({"dataset": {"digits": "</script><b>&\"'"}})
    page = soup(explorer(frame))
    assert page.b is None
    assert study(explorer(frame))["by"][0]["values"][0] == "</script><b>&\"'"
    assert page.select_one("option").text == "</script><b>&\"'"


def test_a_study_of_the_size_of_chapter_5_is_small_enough_to_store():
    frame = fake_runs(
        datasets=("a", "b", "c", "d"), activations="efgh", rates=np.geomspace(3e-4, 1, 8), seeds=20
    )
    assert len(frame) == 20_480
    assert len(explorer(frame).html) <= 120_000


def test_a_page_of_its_own_has_plotly_inside(tmp_path):
    shown = explorer()
    shown.save(tmp_path / "page.html", title="A & B")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert shown.html in text
    assert "<title>A &amp; B</title>" in text
    assert len(text) > 1_000_000


def test_what_it_is_can_be_read():
    assert repr(explorer()) == "PlacementExplorer(conditions=8, runs=480)"
    alone = fake_runs(datasets=("digits",))
    assert explorer(alone, by=["depth", "activation"]).conditions == 4


# --- rejection ---


def test_missing_columns_and_runs_are_named():
    frame = fake_runs()
    with pytest.raises(ValueError, match=r"Missing: \['seed'\]"):
        explorer(frame.drop(columns="seed"))
    with pytest.raises(
        ValueError, match="every combination of .* Missing: dataset='wine', depth=6, .*seed=4$"
    ):
        explorer(frame.iloc[:-1])
    with pytest.raises(TypeError, match="`runs` must be a pandas.DataFrame"):
        explorer([])


def test_a_run_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="each run once"):
        explorer(by=("dataset", "depth"))


def test_accuracies_must_be_numbers_from_0_to_1():
    with pytest.raises(ValueError, match=r"number in every row of 'test_accuracy'.*fillna"):
        explorer(fake_runs().assign(test_accuracy=np.nan))
    with pytest.raises(ValueError, match="from 0 to 1 in 'test_accuracy'. Received: 90 to 90"):
        explorer(fake_runs().assign(test_accuracy=90.0))


def test_one_seed_and_odd_levels_are_refused():
    with pytest.raises(ValueError, match="at least 2 seeds. Received: 1"):
        explorer(fake_runs(seeds=1))
    with pytest.raises(ValueError, match="`level` must lie in"):
        explorer(level=95)


def test_a_page_needs_plotly(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name.startswith("plotly"):
            raise ImportError(name)
        return real(name, *rest, **options)

    shown = explorer()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install plotly"):
        shown.save(tmp_path / "page.html")
