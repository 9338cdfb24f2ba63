"""Random numbers for many replicas at once: the very numbers that each would draw alone.

Keras draws dropout masks through TensorFlow's stateless generator, Philox 4x32-10 on a CPU.
``tf.vectorized_map`` has no rule for those operations and falls back to one loop iteration a
replica. The rules here draw for all replicas in one array operation. Every replica keeps its own
key and counter, so its masks do not depend on which other replicas share the program, and they
equal, bit for bit, the masks of ``model.fit`` from the same seed generator.

References
----------
.. [1] J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = ["philox", "register_random_converters", "stacked_key_counter", "stacked_uniform"]

_ROUNDS = 10
# Two rounds an iteration: XLA fuses what it finds in one body, and recomputes every shared product
# for each consumer, so ten rounds in one expression cost six times as much as this loop.
_ROUNDS_AN_ITERATION = 2
_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_SCRAMBLE_KEY = np.array([0x3EC8F720, 0x02461E29], np.uint64)
_PHILOX, _AUTO_SELECT = 1, 3


def philox(counter: list[Any], key: list[Any]) -> list[Any]:
    """Return the four 32-bit words that Philox 4x32-10 gives for `counter` and `key`.

    Parameters
    ----------
    counter : list of 4 tensors, uint64
        Words of the counter, each below 2**32; they broadcast against one another.
    key : list of 2 tensors, uint64
        Words of the key, likewise.

    Returns
    -------
    list of 4 tensors, uint64
        Words below 2**32, of the broadcast shape.

    Examples
    --------
    The published test vector of an all-zero counter and key:

    >>> import numpy as np
    >>> import tensorflow as tf
    >>> from bn_companion.train.philox import philox
    >>> zero = tf.zeros([1], tf.uint64)
    >>> [hex(word[0]) for word in np.asarray(philox([zero] * 4, [zero] * 2))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    zero = tf.zeros_like(sum(counter) + sum(key))
    pair = (2,) + (1,) * len(zero.shape)
    multipliers, weyl = (tf.constant(words.reshape(pair)) for words in (_MULTIPLIERS, _WEYL))
    multiplied = tf.stack([counter[0] + zero, counter[2] + zero])
    mixed = tf.stack([counter[1] + zero, counter[3] + zero])
    keys = tf.stack(key)

    def body(i: Any, multiplied: Any, mixed: Any, keys: Any) -> tuple[Any, Any, Any, Any]:
        for _ in range(_ROUNDS_AN_ITERATION):
            product = tf.reverse(multiplied * multipliers, [0])
            multiplied = tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(_high(product), mixed), keys)
            mixed = _low(product)
            keys = _low(keys + weyl)
        return i + 1, multiplied, mixed, keys

    _, multiplied, mixed, _ = tf.while_loop(
        lambda i, *_: i < _ROUNDS // _ROUNDS_AN_ITERATION,
        body,
        (tf.constant(0), multiplied, mixed, keys),
    )
    return [multiplied[0], mixed[0], multiplied[1], mixed[1]]


def stacked_key_counter(seeds: Any) -> tuple[Any, Any]:
    """Return keys (replica, 1) and counters (replica, 2) of integer seeds (replica, 2), uint64."""
    words = tf.cast(tf.cast(seeds, tf.int64), tf.uint64)
    zero = tf.zeros_like(words[:, 0])
    mixed = philox(
        [_low(words[:, 0]), _high(words[:, 0]), _low(words[:, 1]), _high(words[:, 1])],
        [zero + tf.constant(word) for word in _SCRAMBLE_KEY],
    )
    key = tf.expand_dims(_join(mixed[0], mixed[1]), 1)
    return key, tf.stack([zero, _join(mixed[2], mixed[3])], axis=1)


def stacked_uniform(shape: tuple[int, ...], key: Any, counter: Any) -> Any:
    """Return uniform numbers in [0, 1) of shape (replica, *shape), float32.

    Parameters
    ----------
    shape : tuple of int
        Shape of the numbers of one replica.
    key, counter : tensors of shape (replica, 1) and (replica, 2), uint64
        As `stacked_key_counter` returns them.

    Returns
    -------
    tensor of shape (replica, *shape), float32
        Multiples of 2**-23.
    """
    size = math.prod(shape)
    blocks = -(-size // 4)
    low = counter[:, :1] + tf.cast(tf.range(blocks), tf.uint64)[tf.newaxis]
    high = counter[:, 1:] + tf.cast(low < counter[:, :1], tf.uint64)
    words = philox([_low(low), _high(low), _low(high), _high(high)], [_low(key), _high(key)])
    bits = tf.cast(tf.reshape(tf.stack(words, axis=-1), [-1, 4 * blocks])[:, :size], tf.uint32)
    # Mantissa of a float in [1, 2): the conversion that TensorFlow's own kernel makes.
    mantissa = tf.bitwise.bitwise_and(bits, tf.constant(0x7FFFFF, tf.uint32))
    one_to_two = tf.bitwise.bitwise_or(mantissa, tf.constant(0x3F800000, tf.uint32))
    return tf.reshape(tf.bitcast(one_to_two, tf.float32) - 1.0, [-1, *shape])


def register_random_converters() -> bool:
    """Teach ``tf.vectorized_map`` the stateless random operations; return whether it could.

    Rules that TensorFlow already has are left alone. The registry is not part of TensorFlow's
    public interface: where it is missing, nothing happens, and random operations take
    ``fallback_to_while_loop``, which is slower and draws numbers just as good.
    """
    try:
        from tensorflow.python.ops.parallel_for import pfor  # noqa: PLC0415

        registry, register, wrap = pfor._pfor_converter_registry, pfor.RegisterPFor, pfor.wrap
    except (ImportError, AttributeError):
        return False

    def convert_key_counter(pfor_input: Any) -> list[Any]:
        key, counter = stacked_key_counter(pfor_input.stacked_input(0))
        return [wrap(key, True), wrap(counter, True)]

    def convert_draw(pfor_input: Any) -> Any:
        """One operation a replica in the same program, each with its own key and counter."""
        key, counter = pfor_input.stacked_input(1), pfor_input.stacked_input(2)
        inputs = [tensor for tensor, _, _ in pfor_input.inputs]
        op = pfor_input.op
        draws = []
        for replica in range(key.shape[0]):
            own = [inputs[0], key[replica], counter[replica], *inputs[3:]]
            draws.append(_like(op, own))
        return wrap(tf.stack(draws), True)

    def convert_uniform(pfor_input: Any) -> Any:
        shape = tf.get_static_value(pfor_input.unstacked_input(0))
        algorithm = tf.get_static_value(pfor_input.unstacked_input(3))
        plain = pfor_input.get_attr("dtype") == tf.float32 and shape is not None
        if not plain or algorithm not in (_PHILOX, _AUTO_SELECT):
            return convert_draw(pfor_input)
        numbers = stacked_uniform(
            tuple(int(size) for size in shape),
            pfor_input.stacked_input(1),
            pfor_input.stacked_input(2),
        )
        return wrap(numbers, True)

    rules: dict[str, Callable[[Any], Any]] = {
        "StatelessRandomGetKeyCounter": convert_key_counter,
        "StatelessRandomUniformV2": convert_uniform,
        "StatelessRandomNormalV2": convert_draw,
        "StatelessTruncatedNormalV2": convert_draw,
        "StatelessRandomUniformFullIntV2": convert_draw,
    }
    for name, rule in rules.items():
        if name not in registry:
            register(name)(rule)
    return True


def _like(op: Any, inputs: list[Any]) -> Any:
    """Make the operation `op` again on other inputs, with Philox where the device was to choose."""
    chosen = tf.get_static_value(inputs[3])
    algorithm = _PHILOX if chosen in (None, _AUTO_SELECT) else int(chosen)
    return getattr(tf.raw_ops, op.type)(
        shape=inputs[0], key=inputs[1], counter=inputs[2], alg=algorithm, dtype=op.get_attr("dtype")
    )


def _low(words: Any) -> Any:
    return tf.bitwise.bitwise_and(words, tf.constant(0xFFFFFFFF, tf.uint64))


def _high(words: Any) -> Any:
    return tf.bitwise.right_shift(words, tf.constant(32, tf.uint64))


def _join(low: Any, high: Any) -> Any:
    return tf.bitwise.bitwise_or(low, tf.bitwise.left_shift(high, tf.constant(32, tf.uint64)))
