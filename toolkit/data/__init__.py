"""From what the user brought to a dataset: read, checked, split and encoded."""
