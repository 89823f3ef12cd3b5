"""The main job, the same for every task: train and compare, their options and defaults."""
