"""The benchmarks are programs, not tests: their doctests are not looked for either."""

collect_ignore_glob = ["*.py"]
