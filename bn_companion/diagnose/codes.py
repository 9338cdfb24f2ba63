"""The codes of `lint` and `audit`: one registry, so that a code means one thing everywhere.

BN000 is no judgement: the file could not be read. BN001 to BN011 concern the wiring of batch
normalization in a source, in a model, or in both. From BN101 on they concern a source that was
written for Keras 1 or 2. A number is never given a second meaning.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bn_companion.diagnose.finding import Finding, Severity

__all__ = ["CODES", "Code", "expand"]


@dataclass(frozen=True, slots=True)
class Code:
    """What a code stands for.

    Parameters
    ----------
    code : str
        The code, such as ``"BN002"``.
    title : str
        The fault in a few words.
    severity : Severity
        How much it matters, wherever it is found.
    by : str
        Who looks for it: ``"lint"``, ``"audit"`` or ``"lint, audit"``.
    where : str
        What the finding points at: an expression in a source, or a layer in a model.
    why : str
        Why it matters, in two sentences.
    remedy : str
        What to do about it, where the place itself does not say more.
    """

    code: str
    title: str
    severity: Severity
    by: str
    where: str
    why: str
    remedy: str

    def at(self, where: str, message: str, *, remedy: str | None = None) -> Finding:
        """Return a finding of this code, with the remedy of the code unless one is given.

        Examples
        --------
        >>> from bn_companion.diagnose.codes import CODES
        >>> print(CODES["BN007"].at("bn_2", "the moving variance of bn_2 holds 3 NaN"))
        bn_2: BN007 error: the moving variance of bn_2 holds 3 NaN
        """
        return Finding(self.code, where, message, remedy or self.remedy, self.severity)


def expand(codes: str | Iterable[str], *, argument: str) -> frozenset[str]:
    """Return the codes that `codes` stands for; a beginning stands for all that begin with it.

    Raises
    ------
    TypeError
        If `codes` is neither a string nor strings.
    ValueError
        If one of them stands for no code.

    Examples
    --------
    >>> from bn_companion.diagnose.codes import expand
    >>> sorted(expand("BN001, BN10", argument="select"))[:3]
    ['BN001', 'BN101', 'BN102']
    """
    given = [codes] if isinstance(codes, str) else codes
    texts = list(given) if isinstance(given, Iterable) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"`{argument}` must be codes such as 'BN002'. Received: {codes!r}")
    found: set[str] = set()
    for part in (part.strip().upper() for text in texts for part in str(text).split(",")):
        if not part:
            continue
        matching = (
            {code for code in CODES if code.startswith(part)} if part.startswith("BN") else set()
        )
        if not matching:
            raise ValueError(
                f"`{argument}` must be codes, or beginnings of codes, from {min(CODES)} to "
                f"{max(CODES)}. Received: {part!r}"
            )
        found |= matching
    return frozenset(found)


def _registry(*codes: Code) -> dict[str, Code]:
    return {code.code: code for code in codes}


#: Every code, in order.
CODES = _registry(
    Code(
        "BN000",
        "The file cannot be checked",
        Severity.ERROR,
        "lint",
        "the place where reading it fails",
        "What cannot be parsed cannot be judged, so a file with a syntax error, a binary or a "
        "notebook that is not valid JSON is reported as such. All other files are still checked.",
        "Repair the file, or leave it out.",
    ),
    Code(
        "BN001",
        "Batch normalization is built and never used",
        Severity.ERROR,
        "lint",
        "the call that builds the layer",
        "A layer takes part only where it is added to a model or called on a tensor and its result "
        "goes on. Building one and dropping it, or its result, leaves the network as it was.",
        "Put it where it belongs, `model.add(BatchNormalization())` or "
        "`x = BatchNormalization()(x)`, or delete it.",
    ),
    Code(
        "BN002",
        "A bias is kept in front of batch normalization",
        Severity.INFO,
        "lint, audit",
        "the linear layer",
        "Subtracting the mean removes any constant, so this bias changes no output and gets no "
        "gradient. It costs memory and an update a step, and beta does its work.",
        "Write `use_bias=False`.",
    ),
    Code(
        "BN003",
        "Batch normalization stands on the output",
        Severity.WARNING,
        "lint, audit",
        "the batch normalization",
        "Behind the softmax the outputs are no longer probabilities: they need be neither positive "
        "nor sum to one, and the loss reads them as if they were. At inference they depend on "
        "moving averages besides.",
        "Move it to a hidden layer; nothing belongs behind the softmax.",
    ),
    Code(
        "BN004",
        "Dropout feeds batch normalization",
        Severity.WARNING,
        "lint, audit",
        "the dropout",
        "In training, dropout raises the variance that batch normalization sees and stores; at "
        "inference the noise is gone and the stored variance is too large. The outputs shift "
        "between training and inference.",
        "Put the dropout behind the batch normalization, best behind the last one.",
    ),
    Code(
        "BN005",
        "The axis does not fit the data format",
        Severity.ERROR,
        "audit",
        "the batch normalization",
        "The axis says which one holds the channels. With the wrong one every position gets "
        "statistics of its own and the channels share theirs.",
        "Write `axis=-1` for channels last, `axis=1` for channels first.",
    ),
    Code(
        "BN006",
        "The moving statistics still have their initial values",
        Severity.WARNING,
        "audit",
        "the batch normalization",
        "At inference this layer normalizes with mean 0 and variance 1, which is to say not at "
        "all. Either it has never been trained, or the training loop leaves out the updates.",
        "Train it, call it with `training=True` in a loop of your own, or recalibrate.",
    ),
    Code(
        "BN007",
        "The statistics are not finite",
        Severity.ERROR,
        "audit",
        "the batch normalization",
        "One NaN or infinity in a batch enters the moving average and never leaves it. From then "
        "on every prediction is lost, while training may go on looking well.",
        "Find the batch that holds it, then recalibrate from clean data.",
    ),
    Code(
        "BN008",
        "One batch normalization serves several inputs",
        Severity.WARNING,
        "audit",
        "the batch normalization",
        "A shared layer has one pair of moving statistics for all the places where it is called. "
        "They become a mixture that fits none of them, while training uses each place's own.",
        "Give each place a layer of its own; share the linear layers alone.",
    ),
    Code(
        "BN009",
        "Batch normalization is frozen inside a trainable model",
        Severity.INFO,
        "audit",
        "the batch normalization",
        "With `trainable=False` it normalizes with its moving statistics even in training. That is "
        "right for fine-tuning, and wrong where the layers around it still move far.",
        "Set `trainable = True`, unless you are fine-tuning.",
    ),
    Code(
        "BN010",
        "Batch normalization trains inside a frozen model",
        Severity.WARNING,
        "audit",
        "the batch normalization",
        "The layers around it are frozen, but this one still follows the new batches. It changes "
        "what the frozen layers were trained to hand on.",
        "Freeze it with the rest: `layer.trainable = False`.",
    ),
    Code(
        "BN011",
        "The momentum is too slow for the number of steps",
        Severity.WARNING,
        "audit",
        "the batch normalization",
        "After n steps a share of momentum to the power n of the initial statistics is left. With "
        "few steps that share is large, and inference differs from training.",
        "Lower the momentum, train longer, or recalibrate.",
    ),
    Code(
        "BN101",
        "An argument that Keras 3 refuses",
        Severity.ERROR,
        "lint",
        "the argument",
        "The argument belongs to Keras 1 or 2 and was renamed or dropped. Keras 3 raises an "
        "error when it meets it.",
        "Use its name of today, or leave it out.",
    ),
    Code(
        "BN102",
        "An argument that Keras 3 ignores or warns about",
        Severity.WARNING,
        "lint",
        "the argument",
        "Keras 3 still takes this argument of Keras 1 or 2, with a warning. Some of them no longer "
        "do anything, so that the same line trains another network.",
        "Write what does the same today.",
    ),
    Code(
        "BN103",
        "A module, class or function that Keras 3 does not have",
        Severity.ERROR,
        "lint",
        "the name",
        "The name was moved or removed after Keras 1 or 2. Keras 3 fails at the import or at the "
        "first use.",
        "Import it from where it is today, or use what took its place.",
    ),
    Code(
        "BN104",
        "A positional argument that means something else today",
        Severity.ERROR,
        "lint",
        "the call",
        "The order of the arguments changed after Keras 1, and the new meaning is accepted without "
        "a word: in `Convolution2D(32, 3, 3)` the last number was the width of the kernel and is "
        "the stride now. The network that trains is another one.",
        "Name the arguments.",
    ),
    Code(
        "BN105",
        "Metrics as the third positional argument of compile",
        Severity.ERROR,
        "lint",
        "the argument",
        "The third argument of `compile` was `metrics` in Keras 2 and is `loss_weights` today. "
        "The error that follows speaks of loss weights and does not name the cause.",
        "Write `metrics=[...]`.",
    ),
    Code(
        "BN106",
        "A method that Keras 3 does not have",
        Severity.ERROR,
        "lint",
        "the method's name",
        "Models of Keras 1 and 2 had methods for generators and for classes that were merged into "
        "`fit`, `evaluate` and `predict`. Keras 3 raises an error.",
        "Use `fit`, `evaluate` or `predict`.",
    ),
)
