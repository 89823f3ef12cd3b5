"""Check a gradient, and audit how a Keras model is put together."""

from toolkit.numerics.gradients import GradientCheck, gradient_check
from toolkit.numerics.model_audit import Audit, Finding, audit

__all__ = ["Audit", "Finding", "GradientCheck", "audit", "gradient_check"]
