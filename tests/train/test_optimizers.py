"""Element-wise optimizers are taken as they are; all others are refused."""

import keras
import pytest

from bn_companion.train.optimizers import check_stackable, rule_for

OPTIMIZERS = keras.optimizers


@pytest.mark.parametrize(
    "optimizer",
    [
        "sgd",
        "Adam",
        "rmsprop",
        "nadam",
        "lion",
        OPTIMIZERS.SGD(0.1, momentum=0.5, nesterov=True, weight_decay=0.1, clipvalue=0.2),
        OPTIMIZERS.Adam(amsgrad=True),
        OPTIMIZERS.RMSprop(centered=True, momentum=0.5),
    ],
)
def test_element_wise_optimizers_may_be_stacked(optimizer):
    check_stackable(rule_for(optimizer))


def test_a_rule_keeps_all_but_the_learning_rate():
    given = OPTIMIZERS.Adam(0.3, beta_1=0.8, weight_decay=0.01)
    made = rule_for(given).make(0.05)
    assert made is not given
    assert (made.beta_1, made.weight_decay, float(made.learning_rate)) == (
        pytest.approx(0.8),
        0.01,
        pytest.approx(0.05),
    )
    assert rule_for(OPTIMIZERS.Adam(0.9)) == rule_for(OPTIMIZERS.Adam(0.1)) == rule_for("adam")
    assert rule_for("adam").describe() != rule_for("sgd").describe()
    assert rule_for("sgd", momentum=0.5, nesterov=True).make(0.1).nesterov


class Centralized(OPTIMIZERS.SGD):
    """Takes the mean out of each gradient: no name or setting tells."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient - keras.ops.mean(gradient), variable, learning_rate)


class Failing(OPTIMIZERS.SGD):
    def update_step(self, gradient, variable, learning_rate):
        raise ValueError("no")


@pytest.mark.parametrize(
    ("optimizer", "match"),
    [
        (OPTIMIZERS.SGD(clipnorm=1.0), r"SGD\(clipnorm=1.0\) clips by the norm of a whole"),
        (OPTIMIZERS.Adam(global_clipnorm=1.0), "clips by the norm of all variables"),
        (OPTIMIZERS.SGD(use_ema=True), "average"),
        (OPTIMIZERS.SGD(loss_scale_factor=8.0), "scales the loss"),
        (OPTIMIZERS.SGD(gradient_accumulation_steps=2), "accumulates"),
        (OPTIMIZERS.LossScaleOptimizer(OPTIMIZERS.SGD()), "scales the loss"),
        ("adafactor", "moves stacked variables otherwise"),
        (OPTIMIZERS.Lamb(), "moves stacked variables otherwise"),
        ("muon", "moves stacked variables otherwise"),
        (Centralized(), "moves stacked variables otherwise"),
        (Failing(), "fails on stacked variables: no"),
    ],
)
def test_optimizers_that_would_mix_the_replicas_are_refused(optimizer, match):
    with pytest.raises(ValueError, match=match) as refused:
        check_stackable(rule_for(optimizer))
    assert "path='loop'" in str(refused.value)


def excluding():
    optimizer = OPTIMIZERS.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"optimizer": "sdg"}, ValueError, "a name that Keras knows"),
        ({"optimizer": 3}, TypeError, "`optimizer` must be a name or"),
        ({"optimizer": OPTIMIZERS.SGD}, TypeError, "instance"),
        (
            {"optimizer": OPTIMIZERS.SGD(OPTIMIZERS.schedules.CosineDecay(0.1, 10))},
            ValueError,
            "must not carry a learning rate schedule",
        ),
        ({"optimizer": excluding()}, ValueError, "must decay all weights or none"),
        ({"optimizer": "adam", "nesterov": True}, ValueError, "`nesterov` belongs to"),
        ({"optimizer": "sgd", "nesterov": 1}, TypeError, "`nesterov` must be a bool"),
        ({"optimizer": "sgd", "momentum": 1.0}, ValueError, "`momentum` must lie in"),
    ],
)
def test_what_is_no_optimizer_for_many_rates_is_refused(arguments, error, match):
    with pytest.raises(error, match=match):
        rule_for(**arguments)
