"""The sample tables that need no download."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from toolkit.common.errors import DataError, nearest

__all__ = ["SAMPLES", "Sample", "path"]


class Sample(NamedTuple):
    """The task of a sample table, its target column (its label columns for "multilabel"), and its file name."""

    task: str
    target: str | list[str]
    file: str


#: Name -> sample, one for each task.
SAMPLES: dict[str, Sample] = {
    "diabetes": Sample("regression", "progression", "diabetes.csv"),
    "breast_cancer": Sample("binary", "diagnosis", "breast_cancer.csv"),
    "wine": Sample("multiclass", "grower", "wine.csv"),
    "street_scenes": Sample("multilabel", ["car", "bus", "pedestrian"], "street_scenes.csv"),
}


def path(name: str) -> Path:
    """Return the path of a sample's CSV file, in a checkout or in an installed wheel.

    Args:
        name: "diabetes", "breast_cancer", "wine" or "street_scenes".

    Raises:
        DataError: No sample has this name.
        FileNotFoundError: The file is missing from the installation.

    Example:
        >>> path("wine").name, SAMPLES["wine"].target
        ('wine.csv', 'grower')
    """
    if not isinstance(name, str) or name not in SAMPLES:
        raise DataError(f"'{name}' is not a sample; expected one of {', '.join(SAMPLES)}.{nearest(name, SAMPLES)}")
    package = Path(__file__).resolve().parent
    # A wheel holds the samples in the package, a checkout holds them next to it.
    files = [folder / "data" / SAMPLES[name].file for folder in (package, package.parent)]
    for file in files:
        if file.is_file():
            return file
    raise FileNotFoundError(f"The sample '{name}' is missing from this installation: there is no {files[0]}.")
