"""What a training is worth: metrics, calibration, baselines, paired differences, verdicts."""
