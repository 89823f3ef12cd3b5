"""Train networks: options, the plan, the loop over compiled epochs, ensembles, scoring."""

from toolkit.training.fitting import Training, fit, held_out
from toolkit.training.options import Options, default_batch_size, default_epochs
from toolkit.training.pack import Setting, fit_pack

__all__ = ["Options", "Setting", "Training", "default_batch_size", "default_epochs", "fit", "fit_pack", "held_out"]
