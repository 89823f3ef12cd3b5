"""Predictions over HTTP: the columns as a schema, the web application, and its start page."""

from recipes.serving.application import application, serve

__all__ = ["application", "serve"]
