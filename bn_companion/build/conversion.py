"""From a Keras model to a graph that can be edited, and back into a new Keras model.

`read` describes a Sequential or Functional model, with the models nested in it; `rebuild` makes a
new model of the description. The model that was read is never changed, and no layer is shared
with it.
"""

from typing import Any

import keras

from bn_companion.build.copying import copy_operation, copy_state, same_class
from bn_companion.build.graph import Call, Graph, Part, Value
from bn_companion.build.roles import is_batch_norm

__all__ = ["read", "rebuild"]


def read(model: Any, *, name: str = "model") -> Graph:
    """Return the graph of a Sequential or Functional model.

    Parameters
    ----------
    model : keras.Model
        Built; it is not changed.
    name : str, default "model"
        What error messages call it.

    Returns
    -------
    Graph

    Raises
    ------
    TypeError
        If `model` is not a Keras model, or a subclassed one, whose layers form no graph.
    ValueError
        If it is not built.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`{name}` must be a keras.Model, Sequential or Functional. "
            f"Received: {type(model).__name__}"
        )
    if isinstance(model, keras.Sequential) and not _is_graph(model):
        raise ValueError(
            f"`{name}` must be built on one tensor of known shape: give it a keras.Input. "
            f"Received: the Sequential model {model.name!r}"
        )
    if not _is_graph(model):
        raise TypeError(
            f"`{name}` must be a Sequential or Functional model; what a subclassed model does "
            "stands in its call(), which cannot be rewritten. "
            f"Received: {model.name!r}, a {type(model).__name__}"
        )
    return _read(model, {}, {})


def _is_graph(model: Any) -> bool:
    if isinstance(model, keras.Sequential):
        kind, known = keras.Sequential, hasattr(model, "inputs")
    elif isinstance(model, keras.Model) and isinstance(model, keras.Function):
        kind, known = keras.Model, True
    else:
        return False
    # A class of the user's own may override call(): then the graph is not what runs.
    owner = next(cls for cls in type(model).__mro__ if "call" in vars(cls))
    return known and issubclass(owner, kind) and owner.__module__.startswith("keras.")


def _read(model: Any, parts: dict[int, Part], graphs: dict[int, Graph]) -> Graph:
    if id(model) in graphs:
        return graphs[id(model)]
    values = {id(tensor): Value(tuple(tensor.shape)) for tensor in model.inputs}
    inputs = list(values.values())

    def described(leaf: Any) -> Any:
        return values[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf

    calls = []
    for node in _nodes(model):
        operation = node.operation
        if id(operation) not in parts:
            inner = _read(operation, parts, graphs) if _is_graph(operation) else None
            parts[id(operation)] = Part(operation, inner=inner)
        args, kwargs = (
            keras.tree.map_structure(described, structure)
            for structure in (node.arguments.args, node.arguments.kwargs)
        )
        for tensor in node.outputs:
            values[id(tensor)] = Value(tuple(tensor.shape))
        outputs = [values[id(tensor)] for tensor in node.outputs]
        calls.append(Call(parts[id(operation)], args, kwargs, outputs))
    sequential = isinstance(model, keras.Sequential)
    leaving = model.outputs[0] if sequential else model.output
    graph = Graph(model, inputs, keras.tree.map_structure(described, leaving), calls)
    graphs[id(model)] = graph
    return graph


def _nodes(model: Any) -> list[Any]:
    """Return the nodes between the inputs and the outputs of `model`, in order."""
    # Keras offers no public way from a tensor to the call that made it.
    inputs = {id(tensor) for tensor in model.inputs}
    ordered: list[Any] = []
    done: set[int] = set()
    pending = [(tensor, False) for tensor in reversed(model.outputs)]
    while pending:
        tensor, ready = pending.pop()
        operation, index, _ = tensor._keras_history
        if id(tensor) in inputs or operation is None:
            continue
        node = operation._inbound_nodes[index]
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            ordered.append(node)
        else:
            pending.append((tensor, True))
            pending += [(needed, False) for needed in reversed(node.input_tensors)]
    return ordered


def rebuild(graph: Graph, *, copy_weights: bool = True) -> tuple[Any, dict[Part, Any]]:
    """Make a new model of `graph`.

    Parameters
    ----------
    graph : Graph
        As `read` returned it, or edited.
    copy_weights : bool, default True
        Give what is a copy the state of what it is a copy of. Otherwise all weights start from
        their initializers, and seeds that were fixed are drawn anew.

    Returns
    -------
    model : keras.Model
        Not compiled. Of the class of the model that was read where that can be made from inputs
        and outputs, else a plain Functional model.
    made : dict
        The operation of each part.

    Raises
    ------
    ValueError
        If a layer has no usable configuration, so that it cannot be copied.
    """
    parts = list(dict.fromkeys(call.part for inner in graph.walk() for call in inner.calls))
    made: dict[Part, Any] = {}
    # Initial weights are drawn in the order in which layers are made. Batch normalization comes
    # last, so that the other layers draw the same ones whether it is there or not.
    for part in sorted(parts, key=lambda part: is_batch_norm(part.source)):
        if part.inner is None:
            made[part] = copy_operation(part.source, part.changes, new_seeds=not copy_weights)
    model = _model_of(graph, made)
    pairs = [(graph.source, model)]
    pairs += [(part.source, made[part]) for part in parts if part.inner is not None]
    for source, copy in pairs:
        copy.trainable = source.trainable  # reaches everything inside, so those come after it
    for part in parts:
        if part.inner is None and isinstance(part.source, keras.Layer):
            weights = copy_weights and not part.fresh
            copy_state(part.source, made[part], weights=weights, changed=bool(part.changes))
    return model, made


def _model_of(graph: Graph, made: dict[Part, Any]) -> Any:
    for call in graph.calls:
        if call.part.inner is not None and call.part not in made:
            made[call.part] = _model_of(call.part.inner, made)
    source = graph.source
    tensors = {
        value: _input_like(tensor._keras_history.operation)
        for value, tensor in zip(graph.inputs, source.inputs, strict=True)
    }

    def filled(leaf: Any) -> Any:
        return tensors[leaf] if isinstance(leaf, Value) else leaf

    if isinstance(source, keras.Sequential):
        # A Sequential model needs a layer, also where its only one was taken out.
        layers = [made[call.part] for call in graph.calls] or [keras.layers.Identity()]
        stack = [tensors[graph.inputs[0]], *layers]
        return same_class(source, keras.Sequential, ("layers",))(stack, name=source.name)
    for call in graph.calls:
        args, kwargs = (
            keras.tree.map_structure(filled, structure) for structure in (call.args, call.kwargs)
        )
        results = keras.tree.flatten(made[call.part](*args, **kwargs))
        tensors |= dict(zip(call.outputs, results, strict=True))
    structure = iter([tensors[value] for value in graph.inputs])
    inputs = keras.tree.map_structure(lambda _: next(structure), source.input)
    outputs = keras.tree.map_structure(filled, graph.outputs)
    made_by = same_class(source, keras.Model, ("inputs", "outputs"))
    return made_by(inputs, outputs, name=source.name)


def _input_like(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config()).output
