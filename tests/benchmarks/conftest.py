"""The benchmarks are programs, not tests: pytest does not collect their doctests either."""

collect_ignore_glob = ["*.py"]
