"""A run or a comparison as one dictionary of plain values: a module per section."""
