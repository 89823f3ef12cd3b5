"""Train networks: options, the compiled epoch, the loop, ensembles."""

from toolkit.training.fitting import Training, fit

__all__ = ["Training", "fit"]
