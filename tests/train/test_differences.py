"""paired_differences: a row a condition and pair, judged as compare_placements judges."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bn_companion as bn
from bn_companion.train.inference import Arm, judge, paired_interval

ARMS = ("none", "before", "after")
RATES = (0.01, 0.1, 1.0)
ASKED = (("before", "after"), ("before", "none"), ("after", "none"))


def grid(*, seeds=6, rates=RATES, arms=ARMS, conditions=("tanh", "relu"), seed=0):
    """Invented accuracies of a full grid."""
    random = np.random.default_rng(seed)
    rows = [
        (activation, arm, rate, number)
        for activation in conditions
        for arm in arms
        for rate in rates
        for number in range(seeds)
    ]
    frame = pd.DataFrame(rows, columns=["activation", "placement", "learning_rate", "seed"])
    lift = frame["placement"].map({"none": 0.0, "before": 0.05, "after": 0.06}).fillna(0.0)
    best = -0.1 * np.abs(np.log10(frame["learning_rate"]) + 1)
    for name in ("val_accuracy", "test_accuracy"):
        frame[name] = 0.8 + lift + best + 0.02 * random.normal(size=len(frame))
    return frame


def arm_of(frame, name):
    part = frame[frame["placement"] == name]
    return Arm(
        *(
            part.pivot(index="seed", columns="learning_rate", values=column).to_numpy()
            for column in ("val_accuracy", "test_accuracy")
        )
    )


# --- oracle ---


def test_a_condition_is_judged_as_a_study_judges_it():
    frame = grid()
    table = bn.paired_differences(frame, pairs=ASKED, by="activation")
    columns = ["first", "second", "difference", "low", "high", "p_value"]
    for activation in ("tanh", "relu"):
        part = frame[frame["activation"] == activation]
        arms = {name: arm_of(part, name) for name in ("before", "after", "none")}
        rows = table[table["activation"] == activation].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows[columns], judge(arms).pairs[columns])
        for row in rows.itertuples():
            for name, rate, mean in (
                (row.first, row.first_rate, row.first_accuracy),
                (row.second, row.second_rate, row.second_accuracy),
            ):
                assert rate == RATES[arms[name].chosen]
                assert mean == pytest.approx(arms[name].scores.mean())
    assert table["seeds"].tolist() == [6] * 6


def test_a_sweep_gives_the_pairs_of_compare_placements():
    study = bn.compare_placements(
        lambda placement: bn.mlp((13,), 3, hidden=(4,), placement=placement),
        "wine",
        seeds=3,
        learning_rates=[0.02, 0.1],
        epochs=2,
        progress=False,
    )
    pairs = list(zip(study.pairs["first"], study.pairs["second"], strict=True))
    resolution = 1.0 / len(bn.load("wine").x_test)
    table = bn.paired_differences(study.runs, pairs=pairs, resolution=resolution)
    pd.testing.assert_frame_equal(table[list(study.pairs)], study.pairs)


def test_at_a_shared_rate_the_interval_is_students():
    frame = grid(conditions=("tanh",))
    table = bn.paired_differences(
        frame, pairs=[("before", "after")], by="activation", rates="shared", level=0.9
    )
    assert table["first_rate"].tolist() == table["second_rate"].tolist() == list(RATES)
    for row in table.itertuples():
        at = frame[frame["learning_rate"] == row.first_rate].set_index("seed")
        first, second = (
            at.loc[at["placement"] == name, "test_accuracy"] for name in ("before", "after")
        )
        expected = stats.ttest_rel(first, second)
        assert row.p_value == pytest.approx(expected.pvalue)
        assert (row.low, row.high) == pytest.approx(tuple(expected.confidence_interval(0.9)))


def test_holm_counts_every_row():
    table = bn.paired_differences(grid(), by="activation", rates="shared")
    assert len(table) == 2 * 3 * 3
    adjusted = table.sort_values("p_value")
    expected = np.maximum.accumulate(adjusted["p_value"] * np.arange(18, 0, -1)).clip(upper=1)
    np.testing.assert_allclose(adjusted["p_holm"], expected)


# --- invariance ---


def test_verdict_and_interval_agree():
    table = bn.paired_differences(grid(seed=3), by="activation", rates="shared")
    for row in table.itertuples():
        assert row.low <= row.difference <= row.high
        sides = {row.first: row.low > 0, row.second: row.high < 0}
        assert row.verdict == next((name for name, won in sides.items() if won), "inconclusive")
    assert {"before", "after", "inconclusive"} & set(table["verdict"])


def test_the_order_of_the_rows_and_further_arms_change_nothing():
    frame = grid()
    both = frame[frame["placement"] == "none"].assign(placement="both", test_accuracy=np.nan)
    table = bn.paired_differences(frame, by="activation")
    mixed = pd.concat([both, frame]).sample(frac=1, random_state=1)
    again = bn.paired_differences(mixed, by="activation")
    order = ["activation", "first", "second"]
    pd.testing.assert_frame_equal(
        table.sort_values(order, ignore_index=True), again.sort_values(order, ignore_index=True)
    )


def test_the_other_way_round_the_signs_change():
    frame = grid()
    table = bn.paired_differences(frame, pairs=[("before", "after")], by="activation")
    turned = bn.paired_differences(frame, pairs=[("after", "before")], by="activation")
    np.testing.assert_allclose(table["difference"], -turned["difference"])
    np.testing.assert_allclose(table["low"], -turned["high"])
    assert table["verdict"].tolist() == turned["verdict"].tolist()


def test_nothing_that_is_passed_in_changes():
    frame = grid()
    before = frame.copy()
    bn.paired_differences(frame, by=["activation"])
    pd.testing.assert_frame_equal(frame, before)


def test_conditions_may_be_none_or_several_and_keep_their_types():
    frame = grid(conditions=("tanh",)).assign(depth=6)
    assert len(bn.paired_differences(frame)) == 3
    table = bn.paired_differences(frame, by=("depth", "activation"))
    assert list(table)[:4] == ["depth", "activation", "first", "second"]
    assert table["depth"].tolist() == [6, 6, 6]
    assert table["depth"].dtype.kind == "i"


def test_the_arms_may_have_another_column():
    frame = grid().rename(columns={"placement": "build"})
    table = bn.paired_differences(frame, by="activation", arm="build")
    pd.testing.assert_frame_equal(table, bn.paired_differences(grid(), by="activation"))


def test_equal_arms_are_inconclusive_and_a_resolution_widens():
    frame = grid(arms=("before",), conditions=("tanh",))
    same = pd.concat([frame, frame.assign(placement="after")])
    (row,) = bn.paired_differences(same, pairs=[("before", "after")]).itertuples()
    assert (row.difference, row.verdict) == (0.0, "inconclusive")
    (row,) = bn.paired_differences(
        same, pairs=[("before", "after")], resolution=0.01, level=0.5
    ).itertuples()
    assert row.low < 0 < row.high


def test_the_choice_of_a_rate_widens_the_interval_of_either_arm():
    """Also where only the second arm had a choice."""
    random = np.random.default_rng(5)
    one = Arm(*(0.8 + 0.01 * random.normal(size=(2, 8, 1))))
    many = Arm(*(0.8 + 0.1 * random.normal(size=(2, 8, 6))))
    _, low, high, _ = paired_interval(one, many)
    other = paired_interval(many, one)
    assert (low, high) == pytest.approx((-other[2], -other[1]))


# --- rejection ---


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"Missing: \['seed', 'val_accuracy'\]"):
        bn.paired_differences(grid().drop(columns=["seed", "val_accuracy"]))


def test_what_is_no_frame_is_refused():
    with pytest.raises(TypeError, match="`runs` must be a pandas.DataFrame. Received: list"):
        bn.paired_differences([1])


def test_unpaired_seeds_are_named():
    frame = grid()
    lost = (
        (frame["activation"] == "relu")
        & (frame["placement"] == "after")
        & (frame["learning_rate"] == 0.1)
        & (frame["seed"] == 4)
    )
    message = r"paired. Missing, activation='relu': placement='after', learning_rate=0.1, seed=4$"
    with pytest.raises(ValueError, match=message):
        bn.paired_differences(frame[~lost], by="activation")
    with pytest.raises(ValueError, match="Missing, depth=6, activation='relu': placement"):
        bn.paired_differences(frame[~lost].assign(depth=6), by=["depth", "activation"])
    with pytest.raises(ValueError, match="; and 15 more$"):
        bn.paired_differences(
            frame[(frame["activation"] == "tanh") | (frame["placement"] != "after")],
            by="activation",
        )


def test_a_run_that_stands_twice_is_named():
    frame = grid(conditions=("tanh",))
    with pytest.raises(ValueError, match="each run once. More than once: placement='none'"):
        bn.paired_differences(pd.concat([frame, frame.iloc[:1]]))
    with pytest.raises(ValueError, match="each run once"):  # two conditions taken for one
        bn.paired_differences(grid())


@pytest.mark.parametrize("column", ["val_accuracy", "test_accuracy"])
def test_runs_without_an_accuracy_are_refused_with_a_remedy(column):
    frame = grid()
    frame.loc[[3, 5], column] = np.nan
    with pytest.raises(ValueError, match=rf"'{column}', but 2 have none.*runs\.fillna"):
        bn.paired_differences(frame, by="activation")


def test_rows_without_a_condition_are_refused():
    frame = grid()
    frame.loc[3, "activation"] = None
    with pytest.raises(ValueError, match=r"Missing in: \['activation'\]"):
        bn.paired_differences(frame, by="activation")


def test_one_seed_is_not_enough():
    with pytest.raises(ValueError, match="at least 2 seeds, activation='tanh'. Received: 1"):
        bn.paired_differences(grid(seeds=1), by="activation")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": [("before", "middle")]}, r"`pairs` must name arms.*Received: \['middle'\]"),
        ({"pairs": [("before", "before")]}, "two different arms"),
        ({"pairs": ["before"]}, "two different arms"),
        ({"pairs": [("before",)]}, "two different arms"),
        ({"pairs": []}, "at least one pair"),
        ({"rates": "best"}, "`rates` must be 'own' or 'shared'. Received: 'best'"),
        ({"level": 1.0}, r"`level` must lie in \(0, 1\)"),
        ({"resolution": -0.1}, "`resolution` must not be negative"),
        ({"by": ["placement"]}, "`by` must name columns that have no other role"),
        ({"by": "verdict"}, "`by` must name columns that have no other role"),
    ],
)
def test_other_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        bn.paired_differences(grid(), **{"by": "activation", **options})
