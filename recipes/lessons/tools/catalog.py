"""The names of the lessons, and the question that each one answers."""

from __future__ import annotations

__all__ = ["FORMER_NAMES", "LESSONS", "ON_YOUR_DATA"]

#: Name of a lesson (and of its module) -> the question it answers, in the order of the book.
LESSONS: dict[str, str] = {
    "losses": "What does a loss ask of the scores?",
    "roundoff": "What do probabilities lose that raw scores keep?",
    "gradients": "How do we know that a gradient is right?",
    "backprop": "How does one example change every weight?",
    "neuron": "What can one neuron decide, and what can three?",
    "initialization": "Why do weights start at random, and how large should they be?",
    "space": "What does each hidden layer do to the input?",
    "playground": "What changes when you change the network, the loss or the data?",
    "search": "Why follow the gradient instead of guessing?",
    "descent": "How large should a step be, and how many rows should it use?",
    "optimizers": "What do momentum, RMSprop and Adam add to the gradient?",
    "regularization": "What does a penalty do to weights and errors?",
    "scaling": "Why scale the columns?",
    "perceptron": "When does the oldest learning rule stop?",
    "capacity": "How large should a network be, and for how many rows?",
    "hyperparameters": "Which hyperparameters matter?",
    "worth": "When is a neural network worth it?",
    "online": "Can a network learn from rows that it sees only once?",
    "multilabel": "One network with three outputs, or three networks?",
}

#: The lessons that accept the reader's table in place of their example.
ON_YOUR_DATA = frozenset(
    {
        *("roundoff", "gradients", "space", "playground", "search", "optimizers", "regularization", "scaling"),
        *("capacity", "hyperparameters", "worth", "online"),
    }
)

#: British name, which still works -> today's name.
FORMER_NAMES = {
    "initialisation": "initialization",
    "optimisers": "optimizers",
    "regularisation": "regularization",
}
