"""Noise whose distribution changes in every step: the opposite of what normalization provides."""

from typing import Any

import keras

from bn_companion._checks import nonnegative, seed_of

__all__ = ["ShiftNoise"]


@keras.saving.register_keras_serializable("bn_companion")
class ShiftNoise(keras.layers.Layer):  # type: ignore[misc]
    r"""Shift and blur every activation, by another distribution in every training step.

    In each step every activation :math:`j` gets a mean and a deviation of its own, and every
    example :math:`i` of the batch its own noise with that mean and deviation, independent of all
    others:

    .. math::

        m_j \sim U(-\text{mean}, \text{mean}), \quad s_j \sim U(0, \text{std}), \quad
        y_{ij} = x_{ij} + m_j + s_j e_{ij}, \quad e_{ij} \sim U(-\sqrt 3, \sqrt 3)

    The next step draws :math:`m_j` and :math:`s_j` anew, so that what the following layer receives
    has another mean and another variance in every step: covariate shift, made on purpose. Behind
    a batch normalization this is the "noisy" network of [1]_. At inference values pass unchanged.

    Parameters
    ----------
    mean : float, default 1.0
        The largest shift, in units of the activations; not negative.
    std : float, default 1.0
        The largest standard deviation, likewise.
    seed : int, optional
        By default from `keras.utils.set_random_seed`, as for `keras.layers.Dropout`.
    **kwargs
        As for `keras.layers.Layer`: ``name``, ``dtype``.

    Raises
    ------
    ValueError, TypeError
        A number that is negative or none.

    Notes
    -----
    From the paper: noise after batch normalization, independent for each activation and example,
    of a mean that is not zero and a variance that is not one, from a distribution that changes in
    every step. Ours: the three uniform distributions and their limits.

    References
    ----------
    .. [1] S. Santurkar, D. Tsipras, A. Ilyas and A. Madry, "How does batch normalization help
       optimization?", NeurIPS 2018, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import ShiftNoise
    >>> layer = ShiftNoise(mean=5.0, std=0.0, seed=0)
    >>> x = np.zeros((4, 2), "float32")
    >>> one, two = np.asarray(layer(x, training=True)), np.asarray(layer(x, training=True))
    >>> bool(one.std(axis=0).max() == 0.0), bool((one[0] == two[0]).any())
    (True, False)
    >>> np.asarray(layer(x)).tolist() == x.tolist()
    True
    """

    def __init__(
        self, *, mean: float = 1.0, std: float = 1.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.mean = nonnegative("mean", mean)
        self.std = nonnegative("std", std)
        self.seed = None if seed is None else seed_of(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Add the noise of one step, or nothing at inference."""
        if not training or not (self.mean or self.std):
            return inputs
        shape = keras.ops.shape(inputs)
        # Uniform throughout: `train_replicas` draws uniform numbers for all replicas at once.
        shift = self._uniform((1, *shape[1:]), -self.mean, self.mean)
        if not self.std:
            return inputs + shift
        deviation = self._uniform((1, *shape[1:]), 0.0, self.std)
        return inputs + shift + deviation * self._uniform(shape, -(3.0**0.5), 3.0**0.5)

    def _uniform(self, shape: tuple[Any, ...], low: float, high: float) -> Any:
        return keras.random.uniform(
            shape, low, high, dtype=self.compute_dtype, seed=self.seed_generator
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return `input_shape`: nothing about it changes."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make the layer again."""
        own = {"mean": self.mean, "std": self.std, "seed": self.seed}
        return {**super().get_config(), **own}
