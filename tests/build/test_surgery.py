"""place: laws over random architectures, oracles on the book's networks, rejection."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import bn_companion as bn
from tests.build.architectures import Custom, functional, sequential

layers = keras.layers
PLACEMENTS = ["none", "before", "after"]
LAWS = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking would rebuild thousands of models
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bn.PlacementWarning)
        yield


def is_norm(layer):
    return isinstance(layer, layers.BatchNormalization)


def norms(model):
    return sorted(layer.name for layer in model._flatten_layers() if is_norm(layer))


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def names(model):
    return [layer.name for layer in model.layers]


def randomize(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.2, 1.5, w.shape) for w in model.get_weights()])
    return model


def outputs(model, seed=1):
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(5, *t.shape[1:])).astype("float32") for t in model.inputs]
    return [np.asarray(y) for y in keras.tree.flatten(model(x[0] if len(x) == 1 else x))]


def assert_same_outputs(first, second):
    for a, b in zip(outputs(first), outputs(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def state_of(model):
    return (
        [np.asarray(weight) for weight in model.get_weights()],
        [layer.trainable for layer in model._flatten_layers()],
        [len(layer._inbound_nodes) for layer in model._flatten_layers()],
        model.get_config(),
    )


def assert_same_state(first, second):
    for a, b in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert first[1:] == second[1:]


# --- laws, over random architectures ---


def check_laws(model, placement):
    before = state_of(model)
    placed = bn.place(model, placement)
    assert placed.input_shape == model.input_shape
    assert placed.output_shape == model.output_shape
    again = bn.place(placed, placement)
    assert again.get_config() == placed.get_config()
    for a, b in zip(placed.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-6)
    check_accounts(model, placed, placement)
    if placement == "none":
        assert not norms(placed)
    if placement == "before":
        round_trip = bn.place(bn.place(model, "after"), "before")
        assert round_trip.get_config() == placed.get_config()
    assert not set(map(id, placed._flatten_layers())) & set(map(id, model._flatten_layers()))
    assert_same_state(state_of(model), before)


def check_accounts(model, placed, placement):
    """Whatever is not batch normalization or a bias is the same; the report knows the rest."""

    def rest(of):
        return sum(
            int(np.prod(weight.shape))
            for layer in of._flatten_layers()
            if not layer._layers and not is_norm(layer)
            for weight in layer.weights
            if weight.name != "bias"
        )

    def biased(of):
        return {layer.name for layer in of._flatten_layers() if getattr(layer, "use_bias", False)}

    def rows(*actions, column="layer"):
        chosen = report[report["action"].isin(actions)][column]
        return {path.rpartition("/")[2] for path in chosen}

    report = bn.placement_report(model, placement)
    assert rest(model) == rest(placed)
    assert rows("bias dropped") <= biased(model)
    assert biased(placed) == biased(model) - rows("bias dropped") | rows("bias restored")
    standing = rows("inserted", "moved", "kept", column="normalization") - {""}
    assert norms(placed) == sorted(standing)


@LAWS
@given(data=st.data(), placement=st.sampled_from(PLACEMENTS))
def test_place_keeps_its_laws(data, placement):
    check_laws(functional(data.draw), placement)


@LAWS
@given(data=st.data(), placement=st.sampled_from(PLACEMENTS))
def test_place_keeps_its_laws_on_sequential_models(data, placement):
    model = sequential(data.draw)
    check_laws(model, placement)
    assert type(bn.place(model, placement)) is keras.Sequential


@settings(LAWS, max_examples=20)
@given(data=st.data(), placement=st.sampled_from(PLACEMENTS))
def test_a_model_that_is_as_asked_computes_what_it_did(data, placement):
    model = bn.place(functional(data.draw), placement)
    randomize(model)
    assert_same_outputs(bn.place(model, placement), model)


# --- oracle: the book's builders, which place batch normalization as they go ---

BUILDERS = {
    "mlp": lambda p: bn.mlp((6,), 3, hidden=(5, 4), placement=p, dropout=0.2),
    "leaky": lambda p: bn.mlp((6,), 3, hidden=(5,), activation=layers.LeakyReLU(), placement=p),
    "convnet": lambda p: bn.convnet((8, 8, 1), 3, filters=(2, 3), placement=p),
    "signal": lambda p: bn.convnet((8, 2), 3, filters=(2,), placement=p, dropout=0.1),
    "sigmoid": lambda p: bn.sigmoid_mlp(placement=p, input_dim=5),
    "question": lambda p: bn.question_mlp(placement=p),
}


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("goal", PLACEMENTS)
@pytest.mark.parametrize("start", PLACEMENTS)
def test_place_builds_what_the_builder_builds(name, start, goal):
    placed = bn.place(BUILDERS[name](start), goal)
    assert placed.get_config() == BUILDERS[name](goal).get_config()


def test_a_residual_network_without_normalization_becomes_the_original_one():
    placed = bn.place(bn.resnet((16, 16, 3), 3, order="none"), "before")
    assert placed.get_config() == bn.resnet((16, 16, 3), 3, order="original").get_config()
    report = bn.placement_report(bn.resnet((16, 16, 3), 3, order="original"), "before")
    assert report["as_asked"].all()
    assert set(report["action"]) == {"kept", "left"}


def test_before_an_activation_that_a_sum_feeds_it_moves_across_that_activation():
    pre = bn.resnet((16, 16, 3), 3, order="pre_activation", blocks=(1, 1))
    after = bn.place(pre, "after")
    assert bn.placement_report(pre, "after")["as_asked"].all()
    for layer in after.layers:
        if is_norm(layer):
            assert type(layer.input._keras_history.operation) is layers.Activation
    assert bn.place(after, "before").get_config() == pre.get_config()


def test_the_original_residual_network_keeps_what_has_no_activation_and_says_so():
    model = bn.resnet((16, 16, 3), 3, blocks=(1,))
    with pytest.warns(bn.PlacementWarning, match=r"2 place\(s\) in 'resnet'.*placement_report"):
        after = bn.place(model, "after")
    report = bn.placement_report(model, "after").set_index("layer")
    assert report.loc["stage_1_block_1_act_1", "action"] == "moved"
    branch = report.loc["stage_1_block_1_conv_2"]
    assert (branch["action"], branch["normalization"]) == ("kept", "stage_1_block_1_bn_2")
    assert "added to others" in branch["reason"]
    assert not branch["as_asked"]
    assert "stage_1_block_1_bn_2" in norms(after)


# --- oracle: what is computed ---


def test_splitting_a_fused_activation_changes_no_output():
    stack = [layers.Dense(4, activation="tanh"), layers.Dense(4, activation=layers.LeakyReLU())]
    model = keras.Sequential([keras.Input((3,)), *stack, layers.Dense(2, activation="softmax")])
    randomize(model)
    placed = bn.place(model, "none")
    assert kinds(placed) == ["Dense", "Activation", "Dense", "LeakyReLU", "Dense"]
    assert_same_outputs(placed, model)


def test_a_dead_bias_goes_and_the_moving_mean_takes_it_up():
    inputs = keras.Input((8, 8, 2))
    x = layers.ReLU()(layers.BatchNormalization(name="b")(layers.Conv2D(3, 3, name="c")(inputs)))
    model = randomize(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))
    placed = bn.place(model, "before")
    assert placed.count_params() == model.count_params() - 3
    expected = model.get_layer("b").moving_mean - model.get_layer("c").bias
    np.testing.assert_allclose(placed.get_layer("b").moving_mean, expected, rtol=1e-6)
    assert_same_outputs(placed, model)


def test_weights_that_still_mean_something_go_over_and_others_start_anew():
    model = randomize(bn.mlp((6,), 3, hidden=(5,), placement="before"))
    after = bn.place(model, "after")
    for name in ("hidden_1_dense", "logits"):
        np.testing.assert_array_equal(after.get_layer(name).kernel, model.get_layer(name).kernel)
    norm = after.get_layer("hidden_1_bn")
    for weight, initial in zip(norm.weights, (1, 0, 0, 1), strict=True):
        np.testing.assert_array_equal(weight, np.full(5, initial, "float32"))
    np.testing.assert_array_equal(after.get_layer("hidden_1_dense").bias, np.zeros(5))


def test_dropout_is_no_obstacle_and_ends_up_behind():
    def net(*order):
        stack = {
            "bn": layers.BatchNormalization(name="bn", momentum=0.8),
            "drop": layers.Dropout(0.5, name="drop"),
            "act": layers.ReLU(name="act"),
        }
        chain = [layers.Dense(4, name="d"), *(stack[name] for name in order), layers.Dense(2)]
        return randomize(keras.Sequential([keras.Input((3,)), *chain]))

    before = net("drop", "bn", "act")
    placed = bn.place(before, "before")
    assert names(placed)[:4] == ["d", "bn", "drop", "act"]
    assert_same_outputs(placed, before)  # at inference dropout passes values on
    after = net("act", "drop", "bn")
    placed = bn.place(after, "after")
    assert names(placed)[:4] == ["d", "act", "bn", "drop"]
    assert_same_outputs(placed, after)
    assert names(bn.place(before, "after"))[:4] == ["d", "drop", "act", "bn"]


def test_one_normalization_is_left_where_there_were_two():
    chain = [layers.Dense(4, name="d"), layers.BatchNormalization(name="first", momentum=0.5)]
    chain += [layers.ReLU(name="act"), layers.BatchNormalization(name="second", momentum=0.7)]
    model = keras.Sequential([keras.Input((3,)), *chain, layers.Dense(2, name="head")])
    before, after = bn.place(model, "before"), bn.place(model, "after")
    assert names(before) == ["d", "first", "act", "head"]
    assert names(after) == ["d", "act", "first", "head"]
    assert after.get_layer("first").momentum == 0.5


def test_normalization_behind_pooling_is_behind_the_activation():
    chain = [layers.Conv2D(3, 3, activation="relu", name="c"), layers.MaxPooling2D(name="pool")]
    chain += [layers.BatchNormalization(name="bn"), layers.Flatten(name="f")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *chain, layers.Dense(2, name="head")])
    assert names(bn.place(model, "after")) == ["c", "c_activation", "pool", "bn", "f", "head"]
    assert names(bn.place(model, "before")) == ["c", "bn", "c_activation", "pool", "f", "head"]


def test_pooling_in_front_of_the_activation_is_passed_but_normalization_before_it_stays():
    def net(*order):
        stack = {
            "bn": lambda: layers.BatchNormalization(name="bn"),
            "pool": lambda: layers.MaxPooling2D(name="pool"),
            "act": lambda: layers.ReLU(name="act"),
        }
        chain = [layers.Conv2D(3, 3, name="conv"), *(stack[name]() for name in order)]
        head = [layers.Flatten(), layers.Dense(2)]
        return keras.Sequential([keras.Input((8, 8, 1)), *chain, *head])

    bare = net("pool", "act")
    assert names(bn.place(bare, "before"))[:4] == ["conv", "pool", "conv_bn", "act"]
    assert names(bn.place(bare, "after"))[:4] == ["conv", "pool", "act", "conv_bn"]
    early = net("bn", "pool", "act")
    assert names(bn.place(early, "after"))[:4] == ["conv", "bn", "pool", "act"]
    report = bn.placement_report(early, "after").set_index("layer")
    assert "pooling stands between" in report.loc["act", "reason"]


def test_the_penalty_on_an_output_goes_with_the_activation():
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, "relu", activity_regularizer="l2"), layers.Dense(2)]
    )
    placed = bn.place(model, "none")
    assert placed.layers[0].activity_regularizer is None
    x = np.ones((2, 3), "float32")
    model(x)
    placed(x)
    np.testing.assert_allclose(placed.losses[0], model.losses[0])


# --- where it goes in less plain graphs ---


def test_outputs_and_softmax_are_left_alone():
    model = bn.question_mlp(placement="before", normalize_output=True)
    for placement in ("before", "after"):
        assert kinds(bn.place(model, placement))[-2:] == ["BatchNormalization", "Activation"]
    assert not norms(bn.place(model, "none"))
    dense = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2, "relu")])
    for placement in ("before", "after"):
        assert kinds(bn.place(dense, placement))[-1] == "Dense"
        assert len(norms(bn.place(dense, placement))) == 1
    report = bn.placement_report(dense, "before")
    assert "leave the model" in report["reason"].iloc[1]
    assert report["as_asked"].all()


def test_an_activation_that_is_an_output_too_is_not_normalized_behind():
    inputs = keras.Input((3,))
    x = layers.ReLU(name="act")(layers.Dense(4, name="d")(inputs))
    model = keras.Model(inputs, [x, layers.Dense(2)(x)])
    assert kinds(bn.place(model, "before"))[2] == "BatchNormalization"
    assert not norms(bn.place(model, "after"))
    assert bn.place(model, "after").outputs[0]._keras_history.operation.name == "act"


def test_a_linear_map_with_several_takers_is_normalized_on_the_way_to_its_activation_only():
    inputs = keras.Input((3,))
    x = layers.Dense(4, name="d")(inputs)
    y = layers.Concatenate(name="cat")([layers.ReLU(name="act")(x), x])
    model = keras.Model(inputs, layers.Dense(2)(y))
    placed = bn.place(model, "before")
    first, second = placed.get_layer("cat").input
    assert first._keras_history.operation.name == "act"
    assert second._keras_history.operation.name == "d"
    assert placed.get_layer("act").input._keras_history.operation.name == "d_bn"
    assert placed.get_layer("d").use_bias, "the other taker needs it"


def test_a_shared_activation_is_normalized_at_each_call():
    inputs, act = keras.Input((3,)), layers.ReLU(name="act")
    x = act(layers.Dense(4, name="one")(inputs))
    x = act(layers.Dense(4, name="two")(x))
    placed = bn.place(keras.Model(inputs, layers.Dense(2)(x)), "before")
    assert norms(placed) == ["one_bn", "two_bn"]
    assert len(placed.get_layer("act")._inbound_nodes) == 2


def test_a_shared_linear_map_is_left_alone():
    a, b = keras.Input((3,)), keras.Input((3,))
    dense, norm = layers.Dense(4, name="d"), layers.BatchNormalization(name="bn")
    x = layers.Add()([layers.ReLU()(norm(dense(a))), layers.ReLU()(norm(dense(b)))])
    model = keras.Model([a, b], layers.Dense(2)(x))
    for placement in ("before", "after"):
        placed = bn.place(model, placement)
        assert norms(placed) == ["bn"]
        assert placed.get_layer("d").use_bias
    assert not norms(bn.place(model, "none"))
    report = bn.placement_report(model, "after")
    assert (report[report["normalization"] == "bn"]["action"] == "kept").all()


def test_nested_models_are_edited_in_place():
    inputs = keras.Input((3,), name="inner_in")
    inner = keras.Model(inputs, layers.Dense(4, "relu", name="deep")(inputs), name="inner")
    outer_in = keras.Input((3,))
    x = layers.Add()([inner(outer_in), inner(2 * outer_in)])
    model = randomize(keras.Model(outer_in, layers.Dense(2, name="head")(x)))
    placed = bn.place(model, "after")
    assert names(placed.get_layer("inner")) == ["inner_in", "deep", "deep_activation", "deep_bn"]
    report = bn.placement_report(model, "after")
    assert report["layer"].iloc[0] == "inner/deep_activation"
    assert_same_outputs(bn.place(model, "none"), model)


def test_channels_first_gets_the_axis_of_the_channels():
    inputs = keras.Input((2, 8, 8))
    x = layers.Conv2D(3, 3, data_format="channels_first", activation="relu", name="c")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    assert bn.place(model, "before").get_layer("c_bn").axis == 1


def test_new_layers_compute_in_the_precision_of_their_neighbour():
    policy = keras.DTypePolicy("mixed_float16")
    chain = [layers.Dense(4, "relu", dtype=policy, name="d"), layers.Dense(2, dtype="float32")]
    placed = bn.place(keras.Sequential([keras.Input((3,)), *chain]), "before")
    assert [layer.compute_dtype for layer in placed.layers] == ["float16"] * 3 + ["float32"]
    assert placed.get_layer("d_bn").gamma.dtype == "float32"


def test_flags_of_training_and_settings_go_over():
    model = bn.mlp((3,), 2, hidden=(4, 4), placement="before")
    model.get_layer("hidden_1_bn").trainable = False
    model.get_layer("hidden_2_dense").trainable = False
    placed = bn.place(model, "after")
    assert {layer.name: layer.trainable for layer in placed.layers} == {
        layer.name: layer.trainable for layer in model.layers
    }
    model.trainable = False
    assert not bn.place(model, "before").trainable_weights


def test_a_bias_in_front_of_frozen_statistics_is_no_dead_bias():
    chain = [layers.Dense(4, name="d"), layers.BatchNormalization(trainable=False), layers.ReLU()]
    model = keras.Sequential([keras.Input((3,)), *chain, layers.Dense(2)])
    assert bn.place(model, "before").get_layer("d").use_bias


def test_a_gate_is_not_normalized_but_the_values_it_gates_are():
    inputs = keras.Input((3,))
    x = layers.Dense(4, "relu", name="values")(inputs)
    gate = layers.Dense(4, "sigmoid", name="gate")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Multiply()([x, gate])))
    assert norms(bn.place(model, "before")) == ["values_bn"]


def test_other_classes_are_left_alone():
    inputs = keras.Input((6, 3))
    x = layers.LSTM(4, return_sequences=True)(inputs)
    x = layers.ReLU(name="act")(Custom(name="mine")(x))
    x = layers.TimeDistributed(layers.Dense(3, "relu"), name="td")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    assert not norms(bn.place(model, "before"))
    report = bn.placement_report(model, "before")
    assert "'mine', which is no linear map, feeds it" in report["reason"].tolist()
    assert not report["as_asked"].iloc[0]


def test_normalization_inside_of_another_layer_is_reported():
    chain = [layers.TimeDistributed(layers.BatchNormalization(name="deep"), name="td")]
    model = keras.Sequential([keras.Input((6, 3)), *chain, layers.Flatten(), layers.Dense(2)])
    report = bn.placement_report(model, "none")
    row = report.iloc[0]
    assert (len(report), row["layer"], row["action"], row["normalization"]) == (
        1,
        "td",
        "kept",
        "deep",
    )
    with pytest.warns(bn.PlacementWarning, match="for example td"):
        bn.place(model, "none")


def test_the_report_has_its_columns_even_when_it_is_empty():
    report = bn.placement_report(keras.Sequential([keras.Input((3,)), layers.Dense(2)]), "before")
    assert isinstance(report, pd.DataFrame)
    assert list(report) == ["layer", "action", "normalization", "reason", "as_asked"]
    assert not len(report)


# --- weights from scratch ---


def test_without_weights_every_seed_starts_elsewhere_and_every_placement_alike():
    seeded = keras.initializers.GlorotUniform(seed=1)
    stack = [
        layers.Dense(4, "relu", kernel_initializer=seeded, name="d"),
        layers.Dropout(0.5, seed=2),
    ]
    model = keras.Sequential([keras.Input((3,)), *stack, layers.Dense(2, name="head")])

    def kernels(placement, seed):
        keras.utils.set_random_seed(seed)
        placed = bn.place(model, placement, copy_weights=False)
        return np.concatenate([placed.get_layer(n).kernel.numpy().ravel() for n in ("d", "head")])

    first = kernels("none", 1)
    for placement in PLACEMENTS:
        np.testing.assert_array_equal(kernels(placement, 1), first)
        assert np.abs(kernels(placement, 2) - first).min() > 0


def test_compiled_models_stay_compiled_and_the_result_is_not():
    model = bn.mlp((3,), 2, hidden=(4,), placement="before")
    model.compile("adam", "sparse_categorical_crossentropy")
    optimizer = model.optimizer
    model.fit(np.ones((4, 3)), np.zeros(4), verbose=0)
    steps, before = int(optimizer.iterations), state_of(model)
    placed = bn.place(model, "after")
    assert not placed.compiled
    assert model.compiled
    assert model.optimizer is optimizer
    assert int(optimizer.iterations) == steps
    assert_same_state(state_of(model), before)


class Weighted(keras.Model):
    """A model class of the user's own, made from inputs and outputs."""

    def train_step(self, data):
        return {"mine": 1.0}


def test_a_class_of_the_users_own_is_kept_where_it_can_be():
    inputs = keras.Input((3,))
    placed = bn.place(Weighted(inputs, layers.Dense(2, "relu")(inputs)), "none")
    assert type(placed).train_step is Weighted.train_step


# --- rejection ---


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


class Uncopyable(layers.Layer):
    def __init__(self, thing):
        super().__init__()
        self.thing = thing

    def call(self, inputs):
        return inputs


@pytest.mark.parametrize("function", [bn.place, bn.placement_report])
def test_what_is_no_graph_of_layers_is_refused(function):
    with pytest.raises(TypeError, match="`model` must be a keras.Model.*Received: ndarray"):
        function(np.zeros(3), "none")
    with pytest.raises(TypeError, match="`model` must be a keras.Model.*Received: Dense"):
        function(layers.Dense(3), "none")
    model = Subclassed()
    model(np.zeros((1, 3)))
    with pytest.raises(TypeError, match=r"what a subclassed model does stands in its call\(\)"):
        function(model, "none")
    with pytest.raises(ValueError, match=r"`model` must be built.*keras\.Input"):
        function(keras.Sequential([layers.Dense(3)]), "none")
    with pytest.raises(ValueError, match="`placement` must be one of .*'middle'"):
        function(bn.mlp((3,), 2), "middle")


def test_a_graph_whose_call_is_overridden_is_refused():
    class Overridden(keras.Model):
        def call(self, inputs):
            return 2 * super().call(inputs)

    inputs = keras.Input((3,))
    with pytest.raises(TypeError, match="a subclassed model"):
        bn.place(Overridden(inputs, layers.Dense(2)(inputs)), "none")


def test_a_layer_that_cannot_be_copied_is_named():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(2)(Uncopyable(object())(inputs)))
    with pytest.raises(
        ValueError, match="layers that can be copied.*'uncopyable' of class Uncopyable"
    ):
        bn.place(model, "before")


def test_copy_weights_is_a_bool():
    with pytest.raises(TypeError, match="`copy_weights` must be a bool. Received: 1"):
        bn.place(bn.mlp((3,), 2), "none", copy_weights=1)
