"""lint on the corpus: each fault at its line and column, and nothing in what is right."""

import pytest

from bn_companion import lint
from bn_companion.diagnose.codes import CODES
from tests.diagnose.samples import CORRECT, FAULTY


def places(findings):
    return {(finding.where.line, finding.where.column, finding.code) for finding in findings}


@pytest.mark.parametrize("snippet", FAULTY, ids=lambda snippet: snippet.title)
def test_a_faulty_snippet_has_exactly_the_marked_findings(snippet):
    findings = lint(snippet.text)
    assert places(findings) == snippet.expected
    assert len(findings) == len(snippet.expected)


@pytest.mark.parametrize("snippet", CORRECT, ids=lambda snippet: snippet.title)
def test_a_correct_snippet_has_no_finding(snippet):
    assert lint(snippet.text) == []


def test_the_corpus_is_large_and_covers_every_code_of_lint():
    assert len(CORRECT) >= 60
    assert len(FAULTY) >= 60
    assert len({snippet.title for snippet in CORRECT + FAULTY}) == len(CORRECT) + len(FAULTY)
    assert all(snippet.expected for snippet in FAULTY)
    assert not any(snippet.expected for snippet in CORRECT)
    covered = {code for snippet in FAULTY for _, _, code in snippet.expected}
    of_lint = {code.code for code in CODES.values() if "lint" in code.by}
    assert covered == of_lint - {"BN000"}


def test_findings_come_by_place_and_say_what_and_what_to_do():
    for snippet in FAULTY:
        findings = lint(snippet.text)
        order = [(f.where.line, f.where.column, f.code) for f in findings]
        assert order == sorted(order)
        for finding in findings:
            assert finding.severity == CODES[finding.code].severity
            assert finding.remedy.endswith((".", "`"))
            assert not finding.message.endswith(".")
            assert "\n" not in finding.message + finding.remedy


# What keeps the correct snippets silent is looked at one by one: take the doubt away, and the
# finding is there. So none of them is silent for another reason than the one in its title.
@pytest.mark.parametrize(
    ("title", "old", "new", "code"),
    [
        ("batch normalization that may be left out", "    if use_bn:\n        x", "    x", "BN002"),
        ("left out by an expression", " if use_bn else x", "", "BN002"),
        ("left out by and", "use_bn and model.add", "model.add", "BN002"),
        ("left out in a list", " if normalize else layers.Identity()", "", "BN002"),
        ("an output with two consumers", "return layers.Add()([y, z])", "return z", "BN002"),
        ("an output that leaves the network", ", code])", "])", "BN002"),
        ("a bias that is read", "print(dense.bias)", "print(y)", "BN002"),
        ("a bias that the activity regularizer sees", ', activity_regularizer="l2"', "", "BN002"),
        ("no centering: the bias may be meant for beta", "center=False", "center=True", "BN002"),
        ("renormalization subtracts the moving mean", "renorm=True", "", "BN002"),
        ("frozen, so that the bias shifts", "trainable=False", "", "BN002"),
        ("frozen afterwards", "bn.trainable = False\n", "", "BN002"),
        (
            "normalization that is looked for and frozen",
            "layers.BatchNormalization):",
            "str):",
            "BN002",
        ),
        ("one normalization for two inputs", "b = bn(", "b = layers.ReLU()(", "BN002"),
        ("a layer that is used twice", "dense(b)", "b", "BN002"),
        ("a model that others extend", "add_head(model)\n", "", "BN002"),
        ("an attribute that others call", "net.bn(net(x))", "net(x)", "BN001"),
        ("statistics that are watched", "print(bn.moving_mean, bn.moving_variance)", "", "BN001"),
        ("errors that are expected", "pytest.raises(ValueError)", "open(PATH)", "BN001"),
        ("a class of one's own with the name", "class BatchNormalization:", "class B:", "BN001"),
        ("a star import that may hide a name", "from mine import *\n", "", "BN001"),
        ("Keras 2 under its own name", "tf_keras as keras", "keras", "BN101"),
        ("dropout on one of two ways", "    if drop:\n        x", "    x", "BN004"),
        ("dropout that is switched off, or behind", "Dropout(0)", "Dropout(0.1)", "BN004"),
        ("a variable for all that is there", 'locals()["bn"](x)', "x", "BN001"),
        ("silenced", "# noqa\n", "\n", "BN001"),
        ("words in strings and comments", "# keras", "keras", "BN001"),
    ],
)
def test_a_doubt_is_what_keeps_lint_silent(title, old, new, code):
    (snippet,) = (snippet for snippet in CORRECT if snippet.title == title)
    assert old in snippet.text
    codes = {finding.code for finding in lint(snippet.text.replace(old, new, 1))}
    assert code in codes
