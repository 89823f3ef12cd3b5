"""The names of the lessons, and the question that each one answers."""

from __future__ import annotations

__all__ = ["FORMER_NAMES", "GROUPS", "LESSONS", "ON_YOUR_DATA", "ON_YOUR_PICTURE"]

#: Group of the book -> its lessons -> the question that each one answers, in the order of the book.
GROUPS: dict[str, dict[str, str]] = {
    "Losses": {
        "losses": "What does a loss ask of the scores?",
        "regression_losses": "What does one outlier do to a line?",
        "heads": "SVM or softmax: which borders do they draw, and what moves them?",
        "roundoff": "What do probabilities lose that raw scores keep?",
    },
    "One neuron": {
        "neuron": "What can one neuron decide, and what can three?",
        "perceptron": "When does the oldest learning rule stop?",
        "gradients": "How do we know that a gradient is right?",
        "backprop": "How does one example change every weight?",
    },
    "Networks": {
        "space": "What does each hidden layer do to the input?",
        "playground": "What changes when you change the network, the loss or the data?",
        "initialization": "Why do weights start at random, and how large should they be?",
        "convolution": "Why slide a filter over a picture?",
        "multilabel": "One network with three outputs, or three networks?",
    },
    "Training": {
        "search": "Why follow the gradient instead of guessing?",
        "descent": "How large should a step be, and how many rows should it use?",
        "optimizers": "What do momentum, RMSprop and Adam add to the gradient?",
        "regularization": "What does a penalty do to weights and errors?",
        "hyperparameters": "Which hyperparameters matter?",
    },
    "Data": {
        "scaling": "Why scale the columns?",
        "online": "Can a network learn from rows that it sees only once?",
    },
    "Judging": {
        "calibration": "Is a margin a probability?",
        "capacity": "How large should a network be, and for how many rows?",
        "worth": "When is a neural network worth it?",
    },
}

#: Name of a lesson (and of its module) -> the question it answers, in the order of the book.
LESSONS: dict[str, str] = {name: question for group in GROUPS.values() for name, question in group.items()}

_CLASSES = ("multiclass", "binary")
_ONE_TARGET = (*_CLASSES, "regression")
_ALL = (*_ONE_TARGET, "multilabel")

#: The lessons that accept the reader's table in place of their example -> the tasks they accept.
ON_YOUR_DATA: dict[str, tuple[str, ...]] = {
    "heads": _CLASSES,
    "roundoff": (*_CLASSES, "multilabel"),
    "gradients": _ALL,
    "space": _CLASSES,
    "playground": _ONE_TARGET,
    "search": _ONE_TARGET,
    "optimizers": _ALL,
    "regularization": _ALL,
    "hyperparameters": _ALL,
    "scaling": _ALL,
    "online": _ONE_TARGET,
    "calibration": _CLASSES,
    "capacity": _ALL,
    "worth": _ALL,
}

#: The lessons that accept a picture of the reader's.
ON_YOUR_PICTURE = frozenset({"convolution"})

#: British name, which still works -> today's name.
FORMER_NAMES = {
    "initialisation": "initialization",
    "optimisers": "optimizers",
    "regularisation": "regularization",
}
