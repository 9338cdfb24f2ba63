"""ActivationRecorder: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bn_companion as bn
from tests.diagnose import models


def fit(recorder, make=models.sequential, *, epochs=2, seed=0, rows=100, **options):
    keras.utils.set_random_seed(seed)
    model = make()
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", **options)
    x = models.inputs_for(model, rows)
    model.fit(
        x,
        np.ones((rows, 2)),
        epochs=epochs,
        batch_size=10,
        verbose=0,
        callbacks=[recorder] if recorder else [],
    )
    return model


PROBE = models.inputs_for(models.sequential(), 50, seed=9)


# --- oracle ---


def test_the_last_record_is_what_numpy_says_of_the_trained_model():
    recorder = bn.ActivationRecorder(
        PROBE, layers=["fused", "tanh"], tensors=("pre_activation", "output"), batch_size=7
    )
    model = fit(recorder)
    frame = recorder.frame
    assert list(frame.columns) == [
        *("step", "epoch", "layer", "tensor", "call", "percentile", "value")
    ]
    last = frame[frame["step"] == 20].set_index(["layer", "tensor", "percentile"])["value"]
    last = last.sort_index()
    fused = model.get_layer("fused")
    for tensor, values in {
        ("fused", "pre_activation"): PROBE @ fused.kernel + fused.bias,
        ("fused", "output"): fused(PROBE),
        ("tanh", "output"): models.cut(model, "tanh")(PROBE),
    }.items():
        expected = np.percentile(np.asarray(values), [15, 50, 85])
        np.testing.assert_allclose(last[tensor], expected, rtol=1e-5, atol=1e-6)


def test_the_first_record_is_from_before_the_first_step():
    recorder = bn.ActivationRecorder(PROBE, layers="plain", percentiles=[50])
    fit(recorder, seed=4)
    keras.utils.set_random_seed(4)
    model = models.sequential()
    values = models.cut(model, "plain")(PROBE)
    first = recorder.frame.iloc[0]
    assert (first["step"], first["epoch"]) == (0, 0)
    assert first["value"] == pytest.approx(np.median(values), abs=1e-6)


def test_single_channels_are_kept_apart():
    recorder = bn.ActivationRecorder(PROBE, layers="plain", channels=[3, 0], percentiles=(0, 100))
    model = fit(recorder, epochs=1)
    values = models.cut(model, "plain")(PROBE).numpy()
    last = recorder.frame[recorder.frame["epoch"] == 1]
    found = last.set_index(["channel", "percentile"])["value"]
    for channel in (3, 0):
        assert found[channel, 0.0] == pytest.approx(values[:, channel].min(), rel=1e-5)
        assert found[channel, 100.0] == pytest.approx(values[:, channel].max(), rel=1e-5)
    each = bn.ActivationRecorder(PROBE, layers="plain", channels="each")
    fit(each, epochs=1)
    assert sorted(set(each.frame["channel"])) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "compile_options", "steps"),
    [
        ({}, {}, [0, 10, 20, 30]),
        ({"every": 2}, {}, [0, 20]),
        ({"every": 10, "unit": "batch"}, {}, [0, 10, 20, 30]),
        ({"every": 7, "unit": "batch"}, {}, [0, 7, 14, 21, 28]),
        ({"every": 4, "unit": "batch"}, {"steps_per_execution": 5}, [0, 5, 10, 15, 20, 25, 30]),
    ],
)
def test_records_are_taken_every_so_often(options, compile_options, steps):
    recorder = bn.ActivationRecorder(PROBE, layers="logits", **options)
    fit(recorder, epochs=3, **compile_options)
    frame = recorder.frame
    assert list(dict.fromkeys(frame["step"])) == steps
    assert (frame["epoch"] == -(-frame["step"] // 10)).all()


def test_a_second_fit_continues_the_record():
    recorder = bn.ActivationRecorder(PROBE, layers="logits")
    model = fit(recorder, epochs=1)
    x = models.inputs_for(model, 30)
    model.fit(x, np.ones((30, 2)), epochs=2, batch_size=10, verbose=0, callbacks=[recorder])
    assert list(dict.fromkeys(recorder.frame["step"])) == [0, 10, 13, 16]
    assert list(dict.fromkeys(recorder.frame["epoch"])) == [0, 1, 2, 3]


# --- invariance ---


@pytest.mark.parametrize("training", [False, True])
def test_the_training_is_the_same_with_it_and_without(training):
    recorder = bn.ActivationRecorder(PROBE, every=3, unit="batch", training=training)
    with_it = fit(recorder, metrics=["mae"])
    without = fit(None, metrics=["mae"])
    for one, other in zip(with_it.variables, without.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(with_it.metrics_variables, without.metrics_variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_batches_of_the_probe_do_not_matter():
    frames = []
    for probe, size in [(PROBE, 50), (PROBE, 3), (tf.data.Dataset.from_tensors(PROBE), 1)]:
        recorder = bn.ActivationRecorder(probe, batch_size=size)
        fit(recorder)
        frames.append(recorder.frame)
    for other in frames[1:]:
        assert frames[0].drop(columns="value").equals(other.drop(columns="value"))
        np.testing.assert_allclose(other["value"], frames[0]["value"], atol=1e-5)


# --- rejection ---


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"percentiles": [101]}, ValueError, r"`percentiles` must lie in \[0, 100\]"),
        ({"percentiles": []}, ValueError, r"`percentiles` must lie in \[0, 100\]"),
        ({"percentiles": "all"}, TypeError, "`percentiles` must hold numbers. Received: 'all'"),
        ({"percentiles": ["low"]}, TypeError, "`percentiles` must be a number. Received: 'low'"),
        ({"percentiles": 50}, TypeError, "`percentiles` must hold numbers. Received: 50"),
        ({"every": 0}, ValueError, "`every` must be at least 1. Received: 0"),
        ({"unit": "step"}, ValueError, "`unit` must be 'epoch' or 'batch'. Received: 'step'"),
        ({"channels": []}, ValueError, "`channels` must name at least one channel"),
        ({"channels": [-1]}, ValueError, "`channels` must be at least 0. Received: -1"),
        ({"channels": "all"}, TypeError, "`channels` must hold integers, or be 'each'"),
        ({"channels": 0.5}, TypeError, "`channels` must hold integers, or be 'each'"),
        ({"tensors": "weights"}, ValueError, "`tensors` must be of"),
        ({"training": None}, TypeError, "`training` must be a bool"),
        ({"x": iter([PROBE])}, TypeError, "`x` must be readable again and again"),
        ({"x": np.zeros((0, 4))}, ValueError, "`x` must hold at least one example"),
    ],
)
def test_the_faulty_argument_is_named(options, error, message):
    arguments = {"x": PROBE} | options
    with pytest.raises(error, match=message):
        bn.ActivationRecorder(arguments.pop("x"), **arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "absent"}, "`layers` must be in the model.*Received: 'absent'"),
        ({"layers": "logits", "tensors": "pre_activation"}, "`layers` must have the tensors"),
        ({"layers": "logits", "channels": 2}, r"`channels` must be below 2.*Received: \[2\]"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_before_the_first_step(options, message):
    with pytest.raises(ValueError, match=message):
        fit(bn.ActivationRecorder(PROBE, **options))
