"""Train networks: options, the plan, the loop over compiled epochs, ensembles, scoring."""

from toolkit.training.fitting import Training, fit, held_out
from toolkit.training.options import Options, default_batch_size, default_epochs

__all__ = ["Options", "Training", "default_batch_size", "default_epochs", "fit", "held_out"]
