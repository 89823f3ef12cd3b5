"""The digits story, from a linear model to convolutions, and the downloads that it needs."""

from recipes.digits.story import Story, tell

__all__ = ["Story", "tell"]
