"""The digits story, from a linear model to convolutions, and the downloads that it needs."""

from recipes.digits.story import MODELS, SIZES, Story, load, tell

__all__ = ["MODELS", "SIZES", "Story", "load", "tell"]
