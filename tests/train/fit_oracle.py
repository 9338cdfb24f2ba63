"""`model.fit` on the mini-batches that the engine takes: what its results are compared with."""

import keras
import numpy as np

from bn_companion.train.architecture import build_seeded
from bn_companion.train.chunk import batch_order


def fit(build, dataset, *, seed, optimizer, epochs, batch_size, loss=None, validate=False):
    """Return the fitted model and the history of each epoch."""
    model, _ = build_seeded(build, seed)
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Eagerly: the same arithmetic, without seconds of compilation for a dozen steps.
    model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
    history = []
    for epoch in range(epochs):
        full, rest = batch_order(seed, epoch, len(dataset.x_train), batch_size)
        order = np.concatenate([full.ravel(), rest])
        fitted = model.fit(
            dataset.x_train[order],
            dataset.y_train[order],
            batch_size=batch_size,
            epochs=1,
            shuffle=False,
            validation_data=(dataset.x_val, dataset.y_val) if validate else None,
            verbose=0,
        )
        history.append({name: values[0] for name, values in fitted.history.items()})
    return model, history


def largest_difference(ours, theirs):
    """Largest absolute difference between the variables of two models, seed generators included."""
    pairs = zip(variables(ours), variables(theirs), strict=True)
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs)


def variables(model):
    return [*model.trainable_variables, *model.non_trainable_variables]
