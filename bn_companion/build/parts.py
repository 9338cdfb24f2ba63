"""The parts that moving batch normalization needs: new ones, moved ones, split activations."""

from typing import Any

import keras

from bn_companion.build.blocks import activation_layer
from bn_companion.build.graph import Call, Graph, Part
from bn_companion.build.roles import channel_axis
from bn_companion.build.sites import Site

__all__ = ["derived_name", "moved", "new_normalization", "split"]


def split(site: Site) -> None:
    """Give the activation that is fused into a linear map a layer of its own."""
    linear, graph = site.activation, site.graph
    layer = linear.part.source
    name = derived_name(layer.name, "activation", graph)
    made: Any = activation_layer(layer.activation, name=name)
    made.dtype_policy = layer.dtype_policy
    # The penalty on the layer's output is meant for what comes out of the activation.
    made.activity_regularizer = layer.activity_regularizer
    linear.part.changes |= {"activation": "linear", "activity_regularizer": None}
    site.activation = graph.insert(Part(made), linear.outputs[0])
    site.linear, site.fused = linear, False


def moved(call: Call, goal: list[Call]) -> Part:
    """Return the normalization of `call` for another place, where its weights mean nothing."""
    config = call.part.source.get_config()
    for other in goal:  # unless one of the same kind, already trained, stood there
        if other.part.source.get_config() | {"name": config["name"]} == config:
            return Part(other.part.source, changes={"name": config["name"]})
    return Part(call.part.source, fresh=True)


def new_normalization(linear: Call, graph: Graph) -> Part:
    """Return batch normalization, with Keras's defaults, for the output of a linear map."""
    layer = linear.part.source
    return Part(
        keras.layers.BatchNormalization(
            axis=channel_axis(layer),
            dtype=layer.dtype_policy,
            name=derived_name(layer.name, "bn", graph),
        ),
        fresh=True,
    )


def derived_name(name: str, suffix: str, graph: Graph) -> str:
    """Return a free name: ``block_conv`` gives ``block_bn``, ``dense_1`` gives ``dense_1_bn``."""
    words = name.split("_")
    kinds = [i for i, word in enumerate(words) if i and word in ("conv", "dense", "linear")]
    if kinds:
        words[kinds[-1]] = suffix
        wanted = "_".join(words)
    else:
        wanted = f"{name}_{suffix}"
    taken, candidate, number = graph.names(), wanted, 1
    while candidate in taken:
        candidate, number = f"{wanted}_{number}", number + 1
    return candidate
