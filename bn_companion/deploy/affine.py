r"""The algebra of folding, in NumPy and float64: one affine map a channel, taken into the weights.

At inference batch normalization is :math:`y_c = s_c x_c + t_c` with
:math:`s = \gamma / \sqrt{\sigma^2 + \epsilon}` and :math:`t = \beta - \mu s`.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

__all__ = ["Affine", "LinearWeights"]

Array = NDArray[np.float64]

_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


def _float64(variable: Any) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(variable)).astype(np.float64)


@dataclass(frozen=True)
class Affine:
    """What a batch normalization does to each channel at inference.

    Attributes
    ----------
    scale, shift : ndarray of shape (channels,)
        The map is ``scale * x + shift``.
    """

    scale: Array
    shift: Array

    @classmethod
    def of(cls, layer: Any) -> "Affine":
        """Return the map of a built `keras.layers.BatchNormalization`.

        Examples
        --------
        >>> import keras
        >>> from bn_companion.deploy.affine import Affine
        >>> layer = keras.layers.BatchNormalization(epsilon=3.0)
        >>> layer.build((None, 2))
        >>> Affine.of(layer).scale.tolist()  # 1 / sqrt(1 + 3)
        [0.5, 0.5]
        """
        mean, variance = _float64(layer.moving_mean), _float64(layer.moving_variance)
        with np.errstate(all="ignore"):  # what is not finite is refused by the caller
            scale = 1.0 / np.sqrt(variance + layer.epsilon)
            if layer.scale:
                scale = scale * _float64(layer.gamma)
            shift = -mean * scale
        if layer.center:
            shift = shift + _float64(layer.beta)
        return cls(scale, shift)

    @property
    def finite(self) -> bool:
        """Whether all of it are finite numbers."""
        return bool(np.isfinite(self.scale).all() and np.isfinite(self.shift).all())


@dataclass(frozen=True)
class LinearWeights:
    """The weights of a dense layer or a convolution.

    Attributes
    ----------
    layer : keras.Layer
        Whose weights they are, or were.
    arrays : dict of str to ndarray
        By the name of the variable; ``"bias"`` always, zeros where the layer has none.
    """

    layer: Any
    arrays: dict[str, Array]

    @classmethod
    def of(cls, layer: Any) -> "LinearWeights":
        """Return the weights of a built layer."""
        arrays = {variable.name: _float64(variable) for variable in layer.weights}
        if not layer.use_bias:
            arrays["bias"] = np.zeros(_outputs(layer, arrays))
        return cls(layer, arrays)

    @property
    def fits_forward(self) -> bool:
        """Whether a shift of the input is a shift of the output, at the borders, too.

        Padding adds zeros behind the batch normalization, which its shift never reached.
        """
        if isinstance(self.layer, keras.layers.Dense):
            return True
        if isinstance(self.layer, _TRANSPOSED):
            return False
        return self.layer.padding == "valid" or all(n == 1 for n in self.layer.kernel_size)

    def after(self, affine: Affine) -> "LinearWeights":
        """Return the weights that compute ``affine`` of what these compute."""
        arrays = dict(self.arrays)
        scale = affine.scale
        if isinstance(self.layer, _DEPTHWISE):
            arrays["kernel"] = arrays["kernel"] * scale.reshape(arrays["kernel"].shape[-2:])
        elif isinstance(self.layer, _SEPARABLE):
            arrays["pointwise_kernel"] = arrays["pointwise_kernel"] * scale
        elif isinstance(self.layer, _TRANSPOSED):
            arrays["kernel"] = arrays["kernel"] * scale[:, None]
        else:
            arrays["kernel"] = arrays["kernel"] * scale
        arrays["bias"] = arrays["bias"] * scale + affine.shift
        return LinearWeights(self.layer, arrays)

    def of_scaled_input(self, affine: Affine) -> "LinearWeights":
        """Return the weights that compute of ``x`` what these compute of ``affine`` of ``x``."""
        arrays = dict(self.arrays)
        if isinstance(self.layer, _DEPTHWISE + _SEPARABLE):
            name = "kernel" if isinstance(self.layer, _DEPTHWISE) else "depthwise_kernel"
            kernel = arrays[name]
            arrays[name] = kernel * affine.scale[:, None]
            shift = (affine.shift[:, None] * _over_positions(kernel)).ravel()
            if name == "depthwise_kernel":
                shift = shift @ _over_positions(arrays["pointwise_kernel"])
        else:
            kernel = arrays["kernel"]
            *positions, within, outputs = kernel.shape
            groups = getattr(self.layer, "groups", 1)
            # Each group of outputs sees a group of inputs of its own.
            split = kernel.reshape(*positions, within, groups, outputs // groups)
            scale, offset = (
                values.reshape(groups, within).T[:, :, None]
                for values in (affine.scale, affine.shift)
            )
            arrays["kernel"] = (split * scale).reshape(kernel.shape)
            shift = (_over_positions(split, keep=3) * offset).sum(axis=0).ravel()
        arrays["bias"] = arrays["bias"] + shift
        return LinearWeights(self.layer, arrays)

    def fit_into(self, dtype: Any) -> bool:
        """Return whether all weights are finite as numbers of the type `dtype`."""
        with np.errstate(over="ignore"):
            return all(np.isfinite(_rounded(a, dtype)).all() for a in self.arrays.values())


def _rounded(array: Array, dtype: Any) -> Any:
    return keras.ops.convert_to_numpy(keras.ops.cast(array, dtype)).astype(np.float64)


def _over_positions(kernel: Array, *, keep: int = 2) -> Array:
    """Sum over the window, all axes but the last `keep`."""
    summed: Array = kernel.sum(axis=tuple(range(kernel.ndim - keep)))
    return summed


def _outputs(layer: Any, arrays: dict[str, Array]) -> int:
    if isinstance(layer, _DEPTHWISE):
        return int(np.prod(arrays["kernel"].shape[-2:]))
    return int(layer.units if isinstance(layer, keras.layers.Dense) else layer.filters)
