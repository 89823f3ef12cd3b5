"""Metrics of predictions, by scikit-learn's names: the same for each epoch of a training and for its evaluation."""
