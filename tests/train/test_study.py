"""compare_placements: the same seeds for every arm, and a verdict that the seeds can carry."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bn_companion as bn
from bn_companion.train.architecture import build_seeded
from bn_companion.train.arms import builders_of
from bn_companion.train.inference import Arm, judge, paired_interval

RATES = [0.02, 0.1]


def network(placement):
    return bn.mlp((13,), 3, hidden=(5,), placement=placement)


def compare(build=network, data="wine", **changes):
    settings = {"seeds": 3, "learning_rates": RATES, "epochs": 3, "batch_size": 32}
    return bn.compare_placements(build, data, progress=False, **{**settings, **changes})


@pytest.fixture(scope="module")
def study():
    return compare()


# --- oracle ---


def test_the_interval_is_students_when_one_rate_is_tried():
    random = np.random.default_rng(0)
    first, second = (Arm(x, x) for x in random.normal(size=(2, 8, 1)))
    difference, low, high, p_value = paired_interval(first, second)
    expected = stats.ttest_rel(first.scores, second.scores)
    assert difference == pytest.approx((first.scores - second.scores).mean())
    assert p_value == pytest.approx(expected.pvalue)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_the_table_is_the_runs_at_the_rate_that_validation_chose(study):
    table = study.table()
    assert list(table.index) == ["none", "before", "after"]
    for arm, row in table.iterrows():
        runs = study.runs[study.runs["placement"] == arm]
        means = runs.groupby("learning_rate")["val_accuracy"].mean()
        assert row["learning_rate"] == means.idxmax()
        shown = runs[runs["learning_rate"] == means.idxmax()]["test_accuracy"]
        assert row["test_accuracy"] == pytest.approx(shown.mean())
        assert row["test_std"] == pytest.approx(shown.std())
        assert row["seeds"] == 3
    pair = study.pairs.iloc[2]
    assert (pair["first"], pair["second"]) == ("before", "after")
    expected = table.loc["before", "test_accuracy"] - table.loc["after", "test_accuracy"]
    assert pair["difference"] == pytest.approx(expected)


def test_holm_is_step_down():
    arms = {
        name: Arm(x, x)
        for name, x in zip("abc", np.random.default_rng(1).normal(size=(3, 6, 1)), strict=True)
    }
    pairs = judge(arms).pairs.sort_values("p_value")
    p, holm = pairs["p_value"].to_numpy(), pairs["p_holm"].to_numpy()
    expected = np.minimum(1, np.maximum.accumulate(p * [3, 2, 1]))
    np.testing.assert_allclose(holm, expected)


# --- invariance ---


def test_verdict_and_interval_agree(study):
    low, high = study.interval
    assert low <= high
    assert study.verdict == (study.best if low > 0 else "inconclusive")
    assert study.best == study.table()["test_accuracy"].idxmax()
    assert study.verdict in repr(study)
    assert len(study.runs) == 3 * 3 * 2
    assert study.runs.groupby("placement")["seed"].unique().map(sorted).tolist() == [[0, 1, 2]] * 3


def test_an_arm_compared_with_itself_is_inconclusive():
    study = compare(lambda placement: network("before"), placements=("before", "after"))
    low, high = study.interval
    assert low < 0 < high
    assert study.pairs["difference"].tolist() == [0.0]
    assert study.verdict == "inconclusive"


def test_a_difference_that_is_there_is_found():
    study = compare(placements={"before": None, "blind": blind}, learning_rates=0.1)
    assert study.verdict == "before"
    assert study.rival == "blind"
    assert study.interval[0] > 0.1


def blind():
    """A network that is shown nothing but zeros."""
    layers = [keras.Input((13,)), keras.layers.Rescaling(0.0), keras.layers.Dense(3)]
    return keras.Sequential(layers)


def test_runs_that_diverge_count_as_guessing():
    study = compare(placements=("none", "before"), learning_rates=[1e30], seeds=2)
    table = study.table()
    assert table["diverged"].tolist() == [2, 2]
    assert table["diverged_anywhere"].tolist() == [2, 2]
    assert table["test_accuracy"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert study.verdict == "inconclusive"


def test_arms_may_be_further_variants_and_placements(tmp_path):
    arms = {bn.Placement.BEFORE: None, "softmax": softmax_network}
    study = compare(placements=arms, learning_rates=0.1, seeds=2, store=tmp_path / "s.sqlite")
    assert list(study.table().index) == ["before", "softmax"]
    again = compare(placements=arms, learning_rates=0.1, seeds=2, store=tmp_path / "s.sqlite")
    pd.testing.assert_frame_equal(again.runs, study.runs)


def test_a_model_of_ones_own_is_compared_as_it_is_and_left_as_it_was():
    hidden = keras.layers.Dense(5, "relu", kernel_initializer=keras.initializers.HeNormal(seed=1))
    stack = [hidden, keras.layers.Dropout(0.1, seed=2), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((13,)), *stack])
    weights = model.get_weights()
    study = compare(model)
    assert list(study.table().index) == ["none", "before", "after"]
    runs = study.runs[study.runs["learning_rate"] == RATES[0]]
    assert runs.groupby("placement")["test_loss"].nunique().tolist() == [3, 3, 3]
    for first, second in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_seeds_of_a_model_pair_its_arms():
    """One seed gives every arm the same initial weights, and every seed others."""
    model = keras.Sequential(
        [keras.Input((13,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3)]
    )
    arms = builders_of(model, ("none", "before", "after"))

    def kernel(arm, seed):
        return build_seeded(arms[arm], seed)[0].layers[0].kernel.numpy()

    for arm in arms:
        np.testing.assert_array_equal(kernel(arm, 0), kernel("none", 0))
        assert np.abs(kernel(arm, 1) - kernel(arm, 0)).min() > 0


def test_what_cannot_be_placed_is_said_once_an_arm():
    model = bn.resnet((8, 8, 1), 3, blocks=(1,))
    with pytest.warns(bn.PlacementWarning) as caught:
        arms = builders_of(model, ("before", "after"))
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", bn.PlacementWarning)
        arms["after"]()


def softmax_network():
    inputs = keras.Input((13,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(3, use_bias=False)(inputs))
    return keras.Model(inputs, keras.layers.Softmax()(hidden))


def test_the_figure_shows_every_arm_and_every_pair(study):
    figure = study.plot()
    above, below = figure.axes
    assert above.get_xscale() == "log"
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    assert labels == ["no BN", "BN before", "BN after"]
    assert [text.get_text() for text in below.get_yticklabels()] == [
        "no BN minus BN before",
        "no BN minus BN after",
        "BN before minus BN after",
    ]


# --- honesty: no winner where there is none, over hundreds of studies ---

STUDIES = 300
ONE_BEST, NEAR_TIES = [0.0, -1.0, -2.0, -9.0], [0.0, -0.3, -0.6, -3.0]


def null_arm(random, means, seeds=10):
    """Accuracies of an arm: a run's luck shows on validation and on test data."""
    run = random.normal(size=(seeds, len(means)))
    parts = (means + 0.7 * run + 0.7 * random.normal(size=run.shape) for _ in range(2))
    return Arm(*parts)


@pytest.mark.parametrize(
    ("arms", "means"),
    [(2, [0.0]), (2, [0.0, 0.0, 0.0, -3.0]), (2, NEAR_TIES), (2, ONE_BEST), (3, NEAR_TIES)],
    ids=["one rate", "ties", "near ties", "one best", "three arms"],
)
def test_an_arm_that_is_no_better_is_called_better_in_at_most_one_study_in_twenty(arms, means):
    random = np.random.default_rng(arms)
    verdicts = [
        judge({str(i): null_arm(random, np.array(means)) for i in range(arms)}).verdict
        for _ in range(STUDIES)
    ]
    claims = sum(verdict != "inconclusive" for verdict in verdicts)
    # More than this would refute "at most 5%" at the 1% level.
    assert claims <= stats.binom.ppf(0.99, STUDIES, 0.05)


def test_the_plain_paired_test_would_claim_more():
    """Why the choice of the learning rate has to be part of the interval."""
    random = np.random.default_rng(3)
    plain = ours = 0
    for _ in range(STUDIES):
        a, b = (null_arm(random, np.array([0.0, -0.9, -1.1, -3.0]), seeds=20) for _ in range(2))
        plain += stats.ttest_rel(a.scores, b.scores).pvalue < 0.05
        ours += judge({"a": a, "b": b}).verdict != "inconclusive"
    assert ours <= plain


def test_agreement_to_the_example_over_two_seeds_proves_nothing():
    low = np.full((2, 1), 0.90)
    arms = {"a": Arm(low, low), "b": Arm(low + 0.01, low + 0.01)}
    assert judge(arms, resolution=0.01).verdict == "inconclusive"
    assert judge(arms).verdict == "b"


# --- rejection ---


def needs_more(placement, width):
    raise AssertionError("never called")


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"seeds": 1}, ValueError, "`seeds` must be at least 2"),
        ({"placements": ("before",)}, ValueError, "`placements` must hold at least two"),
        (
            {"placements": ("before", "before")},
            ValueError,
            "`placements` must not name an arm twice",
        ),
        ({"placements": "before"}, TypeError, "`placements` must be names"),
        ({"placements": None}, TypeError, "`placements` must be names"),
        ({"placements": (1, 2)}, TypeError, "`placements` must be names"),
        ({"placements": {"a": 3, "b": None}}, TypeError, "`placements` must map an arm"),
        ({"placements": ("before", "sideways")}, ValueError, "sideways"),
        ({"build": keras.Sequential([keras.layers.Dense(3)])}, ValueError, "must be built"),
        ({"build": 3}, TypeError, "`model_or_build` must be a callable that takes placement="),
        ({"build": needs_more}, TypeError, "takes placement= and nothing else"),
        ({"build": lambda: 0}, TypeError, "takes placement= and nothing else"),
        ({"learning_rates": []}, ValueError, "`learning_rates` must hold"),
        ({"data": "wyne"}, ValueError, "`source` must be"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, error, match):
    with pytest.raises(error, match=match):
        compare(**changes)
