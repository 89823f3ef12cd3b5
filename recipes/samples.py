"""The sample tables that need no download."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from toolkit.common.errors import DataError, nearest

__all__ = ["SAMPLES", "Sample", "path"]


class Sample(NamedTuple):
    """A sample table and what is predicted from it.

    Attributes:
        task: "regression", "binary", "multiclass" or "multilabel".
        target: The target column's name; the names of the label columns for "multilabel".
        file: The file's name.
    """

    task: str
    target: str | list[str]
    file: str


SAMPLES: dict[str, Sample] = {
    "diabetes": Sample("regression", "progression", "diabetes.csv"),
    "breast_cancer": Sample("binary", "diagnosis", "breast_cancer.csv"),
    "wine": Sample("multiclass", "grower", "wine.csv"),
    "street_scenes": Sample("multilabel", ["car", "bus", "pedestrian"], "street_scenes.csv"),
}
"""The samples by name, one for each task."""


def path(name: str) -> Path:
    """Return where a sample table stands on this machine.

    Args:
        name: One of `SAMPLES`: "diabetes", "breast_cancer", "wine" or "street_scenes".

    Returns:
        The path of a CSV file, in a checkout as well as in an installed wheel.

    Raises:
        DataError: There is no such sample.
        FileNotFoundError: The file is missing from the installation.

    Example:
        >>> path("wine").name
        'wine.csv'
        >>> SAMPLES["wine"].target
        'grower'
    """
    if name not in SAMPLES:
        raise DataError(f"'{name}' is not a sample (samples: {', '.join(SAMPLES)}).{nearest(name, SAMPLES)}")
    here = Path(__file__).resolve().parent
    # Inside the wheel the samples stand beside this module, in a checkout beside the package.
    places = [folder / "data" / SAMPLES[name].file for folder in (here, here.parent)]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(f"The sample '{name}' is missing from this installation: there is no {places[0]}.")
