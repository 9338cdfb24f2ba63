"""BN105, BN106 and what BN101 says of `fit`: methods of models as Keras 1 and 2 had them."""

import ast
import re
from collections.abc import Iterator

from bn_companion.diagnose.lint import old_arguments as old
from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.facts import CallFact
from bn_companion.diagnose.lint.keywords import edits_for, refused
from bn_companion.diagnose.lint.old_arguments import Gone
from bn_companion.diagnose.lint.problem import Edit, Problem
from bn_companion.diagnose.lint.values import UNKNOWN, Chain

__all__ = ["find_in_method"]

# What a model is called where the source does not say that it is one.
_MODEL_NAME = re.compile(
    r"(^|_)(model|net|network|discriminator|generator|encoder|decoder|autoencoder|gan|vae|cnn|rnn"
    r"|lstm|mlp|classifier)\d*$"
)
_FIT = ("fit", "fit_generator", "evaluate", "evaluate_generator", "predict", "compile")


def find_in_method(analysis: Analysis, fact: CallFact, func: ast.Attribute) -> Iterator[Problem]:
    """Yield what is wrong with the call of a method, if it is one of a model of Keras."""
    known, call = _is_model(analysis, fact, func), fact.node
    if known is None:
        return
    if func.attr in old.METHODS:
        hint, only_keras = old.METHODS[func.attr]
        if known or only_keras:
            place = ((func.end_lineno or 0), (func.end_col_offset or 0) - len(func.attr))
            yield Problem(
                "BN106",
                func,
                f"models of Keras 3 have no `{func.attr}`",
                hint,
                _method_edits(call, func.attr),
                at=place,
            )
    if func.attr in _FIT:
        for (name, only_keras), gone in old.FIT_ARGUMENTS.items():
            for keyword in call.keywords:
                if keyword.arg == name and (known or only_keras):
                    yield refused(
                        keyword, gone, func.attr, _fit_edits(analysis, fact, keyword, gone)
                    )
    if func.attr == "compile" and len(call.args) >= 3 and _are_metrics(call.args[2]):
        named = any(keyword.arg == "metrics" for keyword in call.keywords)
        simple = len(call.args) == 3 and not named
        yield Problem(
            "BN105",
            call.args[2],
            "the third argument of `compile` is loss_weights today",
            None,
            (Edit(call, "name", ("2", "metrics")),) if simple else (),
        )


def _is_model(analysis: Analysis, fact: CallFact, func: ast.Attribute) -> bool | None:
    """Return True for a model of Keras, False for what is called like one, else None."""
    receiver = fact.receiver or frozenset()
    if receiver and all(isinstance(value, Chain) for value in receiver):
        return True
    if not receiver <= {UNKNOWN, *(v for v in receiver if isinstance(v, Chain))}:
        return None
    if UNKNOWN not in receiver or len(receiver) > 1:
        return False  # a parameter that a model of Keras is given for
    if func.attr in analysis.methods:
        return None  # a method of a class of this source has that name
    name = getattr(func.value, "attr", getattr(func.value, "id", ""))
    return False if _MODEL_NAME.search(name.lower()) else None


def _are_metrics(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.List | ast.Tuple)
        and bool(node.elts)
        and all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in node.elts)
    )


def _method_edits(call: ast.Call, name: str) -> tuple[Edit, ...]:
    """Return how a method is renamed; the order of its arguments changed, but for the first."""
    today = {"fit_generator": "fit", "evaluate_generator": "evaluate", "predict_proba": "predict"}
    today["predict_generator"] = "predict"
    if name not in today or len(call.args) != 1:
        return ()
    if any(k.arg is None or k.arg in ("samples_per_epoch", "val_samples") for k in call.keywords):
        return ()
    return (Edit(call, "method", (today[name],)),)


def _fit_edits(
    analysis: Analysis, fact: CallFact, keyword: ast.keyword, gone: Gone
) -> tuple[Edit, ...]:
    given = {k.arg: k for k in fact.node.keywords if k.arg}
    shows = isinstance(keyword.value, ast.Constant) and keyword.value.value in (True, 1)
    if keyword.arg != "show_accuracy" or not shows:
        return edits_for(fact.node, keyword, gone, given)
    # The accuracy is shown when it is among the metrics of the one `compile` of this model.
    assert isinstance(fact.node.func, ast.Attribute)
    model = ast.dump(fact.node.func.value)
    compiles = [
        other.node
        for other in analysis.facts.calls.values()
        if other.scope is fact.scope
        and isinstance(other.node.func, ast.Attribute)
        and other.node.func.attr == "compile"
        and ast.dump(other.node.func.value) == model
    ]
    if len(compiles) != 1 or len(compiles[0].args) > 2:
        return ()
    (compiled,) = compiles
    remove = Edit(fact.node, "remove", ("show_accuracy",))
    for given_there in compiled.keywords:
        if given_there.arg == "metrics" and "acc" in ast.unparse(given_there.value):
            return (remove,)
        if given_there.arg in (None, "metrics"):
            return ()
    return remove, Edit(compiled, "set", ("metrics", '["accuracy"]'))
