"""Random architectures for property tests: what people write, and what they write by mistake."""

import keras
from hypothesis import strategies as st

layers = keras.layers
SHAPES = {1: (6,), 2: (8, 3), 3: (6, 6, 2)}
ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu"]


class Custom(layers.Layer):
    """A layer of the user's own, not registered."""

    def __init__(self, factor=1.5, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def compute_output_shape(self, input_shape):
        return input_shape


class Builder:
    """Draws blocks and applies them to a tensor; counts names, so that they are the same again."""

    def __init__(self, draw, rank):
        self.draw, self.rank, self.count = draw, rank, 0

    def name(self, kind):
        self.count += 1
        return f"{kind}_{self.count}"

    def coin(self):
        return self.draw(st.booleans())

    def pick(self, *options):
        return self.draw(st.sampled_from(options))

    def norm(self, **options):
        options = {"momentum": self.pick(0.99, 0.5)} | options
        kind = {"center": self.coin(), "scale": self.coin()} if self.coin() else {}
        return layers.BatchNormalization(name=self.name("bn"), **options, **kind)

    def linear(self, *, fused=None, units=None, bias=None):
        bias = self.coin() if bias is None else bias
        units = units or self.pick(2, 3)
        common = {"use_bias": bias, "activation": fused}
        if self.rank == 1:
            return layers.Dense(units, name=self.name("dense"), **common)
        common |= {"padding": self.pick("same", "valid") if units != 4 else "same"}
        dims = self.rank - 1
        kinds = [f"Conv{dims}D", f"SeparableConv{dims}D", f"Conv{dims}DTranspose"]
        kind = self.pick(*kinds, f"DepthwiseConv{dims}D") if units != 4 else kinds[0]
        size = self.pick(1, 2)
        if kind.startswith("Depthwise"):
            return getattr(layers, kind)(size, name=self.name("dw"), **common)
        return getattr(layers, kind)(units, size, name=self.name("conv"), **common)

    def activation(self):
        made = self.pick("name", "name", layers.LeakyReLU, layers.PReLU, layers.ReLU, "op")
        if made == "op":
            return keras.activations.relu
        if made == "name":
            return layers.Activation(self.pick(*ACTIVATIONS), name=self.name("act"))
        return made(name=self.name("act"))

    def maybe(self, x, layer):
        return layer()(x) if self.coin() else x

    def dropout(self):
        return layers.Dropout(0.25, name=self.name("drop"))

    def plain(self, x):
        where = self.pick("none", "before", "after", "both")
        fused = self.pick(None, *ACTIVATIONS) if where in ("none", "after") else None
        x = self.linear(fused=fused)(x)
        x = self.maybe(x, self.dropout) if self.coin() else x
        if where in ("before", "both"):
            x = self.norm()(x)
        if fused is None:
            x = self.activation()(x)
        x = self.maybe(x, self.dropout) if self.coin() else x
        if where in ("after", "both"):
            x = self.norm()(x)
        return x

    def bare(self, x):
        return self.linear()(x)

    def stray(self, x):
        return self.norm()(x)

    def pooled(self, x):
        if self.rank == 1:
            return self.plain(x)
        x = self.linear(bias=True)(x)
        pooling = layers.AveragePooling1D if self.rank == 2 else layers.AveragePooling2D
        made = [pooling(1, name=self.name("pool"))]
        made += [self.norm()] if self.coin() else []
        for layer in [*(made if self.coin() else reversed(made)), self.activation()]:
            x = layer(x)
        return x

    def residual(self, x):
        x = self.linear(units=4, bias=True)(x)
        branch = x
        for _ in range(self.pick(1, 2)):
            branch = self.maybe(branch, self.norm)
            branch = self.activation()(branch) if self.coin() else branch
            branch = self.linear(units=4)(branch)
        branch = self.maybe(branch, self.norm)
        shortcut = self.maybe(x, self.norm)
        x = layers.Add(name=self.name("add"))([shortcut, branch])
        x = self.maybe(x, self.norm)
        return self.activation()(x)

    def concatenated(self, x):
        x = self.linear(units=4, bias=True)(x)
        left = self.activation()(self.linear(units=4)(x))
        x = layers.Concatenate(name=self.name("cat"))([x, left])
        x = self.maybe(x, self.norm)
        return self.activation()(x)

    def gated(self, x):
        x = self.activation()(self.linear(units=4)(x))
        gate = layers.Dense(4, activation="sigmoid", name=self.name("gate"))(x)
        return layers.Multiply(name=self.name("mul"))([x, gate])

    def shared(self, x):
        layer = self.linear(units=4, fused=self.pick(None, "relu"))
        act, norm = layers.ReLU(name=self.name("act")), self.norm() if self.coin() else None
        x = self.linear(units=4)(x)
        once = act(norm(layer(x)) if norm else layer(x))
        twice = layer(once)
        return act(norm(twice) if norm else twice)

    def forked(self, x):
        x = self.linear()(x)
        x = self.maybe(x, self.norm)
        return layers.Add(name=self.name("add"))([self.activation()(x), self.activation()(x)])

    def custom(self, x):
        return Custom(name=self.name("custom"))(x)

    def nested(self, x):
        inputs = keras.Input(x.shape[1:], name=self.name("in"))
        outputs = self.plain(self.plain(inputs))
        return keras.Model(inputs, outputs, name=self.name("nested"))(x)

    def normalized_with_flag(self, x):
        x = self.linear()(x)
        x = self.norm()(x, training=self.pick(True, False, None))
        return self.activation()(x)


BLOCKS = [
    *["plain"] * 4,
    "bare",
    "stray",
    "pooled",
    "residual",
    "concatenated",
    "gated",
    "shared",
    "forked",
    "custom",
    "nested",
    "normalized_with_flag",
]


def functional(draw, blocks=tuple(BLOCKS), most=3):
    """Return a Functional model of up to `most` blocks and a head; sometimes of two outputs.

    `draw` is that of ``hypothesis.strategies.data()``: making a layer draws a seed from Python's
    random numbers, which a strategy of its own must not do.
    """
    rank = draw(st.sampled_from([1, 1, 2, 3]))
    builder = Builder(draw, rank)
    inputs = keras.Input(SHAPES[rank], name="inputs")
    x = inputs
    for block in draw(st.lists(st.sampled_from(blocks), min_size=1, max_size=most)):
        x = getattr(builder, block)(x)
    hidden = x
    if rank > 1:
        x = layers.Flatten(name="flat")(x)
    head = layers.Dense(3, activation=builder.pick(None, "softmax"), name="head")(x)
    head = builder.norm()(head) if builder.pick(False, False, True) else head
    outputs = [head, hidden] if builder.pick(False, False, False, True) else head
    return keras.Model(inputs, outputs, name="drawn")


def sequential(draw):
    """Return a Sequential model: linear maps, activations, normalizations, in any order."""
    builder = Builder(draw, 1)
    kinds = draw(st.lists(st.sampled_from(["linear", "act", "bn", "drop"]), max_size=6))
    made = {
        "linear": lambda: builder.linear(fused=builder.pick(None, "relu")),
        "act": lambda: layers.Activation(builder.pick(*ACTIVATIONS), name=builder.name("act")),
        "bn": builder.norm,
        "drop": builder.dropout,
    }
    stack = [made[kind]() for kind in kinds]
    return keras.Sequential([keras.Input((4,)), *stack, layers.Dense(3, name="head")], name="s")
