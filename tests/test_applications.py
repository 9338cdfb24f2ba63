"""The tools on networks that we did not write: keras.applications, weights drawn at random."""

import gc

import keras
import numpy as np
import pytest

import bn_companion as bn

layers = keras.layers

#: Family, side of the image, batch normalizations, how many of them `fold` keeps.
FAMILIES = [
    ("MobileNet", 32, 27, 0),
    ("MobileNetV2", 32, 52, 0),
    ("MobileNetV3Small", 32, 34, 0),
    ("ResNet50", 32, 53, 0),
    ("ResNet50V2", 32, 49, 17),  # add, BN, ReLU: nothing linear on either side
    ("EfficientNetB0", 32, 49, 0),
    ("VGG16", 32, 0, 0),
    ("Xception", 71, 40, 0),
    ("DenseNet121", 32, 121, 62),  # concatenate or pool, BN, ReLU
]


def norms(model):
    return [
        layer for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization)
    ]


def randomize(model):
    rng = np.random.default_rng(0)
    for layer in norms(model):
        for weight in layer.weights:
            low, high = (-0.2, 0.2) if weight.name in ("beta", "moving_mean") else (0.5, 1.5)
            weight.assign(rng.uniform(low, high, weight.shape))
    return model


def features(model, x):
    """Return what the classifier sees: its softmax would hide differences."""
    inner = keras.Model(model.input, model.layers[-1].input)
    return np.asarray(inner(x, training=False), "float64")


@pytest.fixture(params=FAMILIES, ids=lambda family: family[0], scope="module")
def family(request):
    name, side, count, kept = request.param
    keras.utils.set_random_seed(0)
    make = getattr(keras.applications, name)
    model = randomize(make(weights=None, input_shape=(side, side, 3), classes=5))
    assert len(norms(model)) == count
    x = np.random.default_rng(1).uniform(0, 255, (2, side, side, 3)).astype("float32")
    yield name, model, x, kept
    del model
    keras.backend.clear_session()
    gc.collect()


def test_audit_finds_the_dead_biases_of_resnet50_and_nothing_else(family):
    name, model, _, _ = family
    found = [finding.code for finding in bn.audit(model)]
    assert found == (["BN002"] * 53 if name == "ResNet50" else [])


@pytest.mark.filterwarnings("ignore::bn_companion.FoldWarning")
def test_fold_computes_the_same(family):
    _, model, x, kept = family
    folded = bn.fold(model)
    assert len(norms(folded)) == kept
    assert (bn.fold_report(model)["action"] == "kept").sum() == kept
    expected = features(model, x)
    assert np.abs(features(folded, x) - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.filterwarnings("ignore::bn_companion.PlacementWarning")
def test_before_is_what_they_have_and_none_has_none(family):
    name, model, x, _ = family
    placed = bn.place(model, "before")
    report = bn.placement_report(model, "before")
    if norms(model) and not (report["action"] == "inserted").any():
        assert {layer.name for layer in placed.layers} == {layer.name for layer in model.layers}
        expected = features(model, x)
        assert np.abs(features(placed, x) - expected).max() < 1e-4 * np.abs(expected).max()
    if name == "ResNet50":
        assert model.count_params() - placed.count_params() == 26_560
    assert not [finding for finding in bn.audit(placed) if finding.code == "BN002"]
    assert not norms(bn.place(model, "none"))


@pytest.mark.filterwarnings("ignore::bn_companion.PlacementWarning")
def test_after_and_back_is_before(family):
    name, model, _, _ = family
    after = bn.place(model, "after")
    assert after.output_shape == model.output_shape
    if name in ("MobileNet", "ResNet50V2"):
        assert bn.placement_report(model, "after")["as_asked"].all()
    assert bn.place(after, "before").get_config() == bn.place(model, "before").get_config()
