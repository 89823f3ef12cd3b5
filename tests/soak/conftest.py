"""The attacks are programs, which `make soak` runs; a small part of them is a test."""

collect_ignore_glob = ["[!t]*.py"]
