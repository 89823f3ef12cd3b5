"""Tables larger than memory: read row group by row group, sampled, split by hashes, encoded ahead of the training."""
