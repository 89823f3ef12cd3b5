"""Errors, option checks, files and text formatting: what every other folder uses."""
