"""The networks that the benchmarks time, as Keras builders and as plain descriptions."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

import bn_companion as bn
from bn_companion import Dataset


def machine() -> str:
    """Return what the figures were measured on."""
    devices = ", ".join(device.name for device in tf.config.list_physical_devices())
    return f"{os.cpu_count()} cores, {devices}, TensorFlow {tf.__version__}"


@dataclass(frozen=True)
class Case:
    """One network on one data set; `hidden` are units, or feature maps where `conv`."""

    name: str
    dataset: Dataset
    hidden: tuple[int, ...]
    activation: str
    batch_size: int
    dropout: float = 0.0
    placement: str = "before"
    conv: bool = False

    def build(self) -> Any:
        """Return the network in Keras."""
        shape, classes = self.dataset.input_shape, self.dataset.num_classes
        if self.conv:
            return bn.convnet(shape, classes, filters=self.hidden, placement=self.placement)
        if self.name == "question":
            return bn.question_mlp(placement=self.placement)
        return bn.mlp(
            shape,
            classes,
            hidden=self.hidden,
            activation=self.activation,
            placement=self.placement,
            dropout=self.dropout,
        )


def random_pixels(examples: int = 4000, inputs: int = 784) -> Dataset:
    """Return binary inputs and 10 classes: only the shapes matter for speed."""
    random = np.random.default_rng(0)
    x = random.integers(0, 2, (examples, inputs)).astype(np.float32)
    y = random.integers(0, 10, examples).astype(np.int32)
    return Dataset(x, y, x[:500], y[:500], x[:500], y[:500], 10, "random pixels")


def cases() -> list[Case]:
    """Return every network of the table."""
    digits = bn.load("digits")
    return [
        Case("digits 64-64", digits, (64, 64), "relu", 32),
        Case("sigmoid 3x100", random_pixels(), (100, 100, 100), "sigmoid", 60),
        Case("mnist1d 4x100", bn.load("mnist1d"), (100, 100, 100, 100), "relu", 32),
        Case("question", bn.load("synthetic"), (64, 64), "tanh", 16, dropout=0.5),
        Case("convnet", digits.reshaped(8, 8, 1), (16, 32), "relu", 32, conv=True),
    ]
