"""Picture files for tests."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def save_picture(path: Path, shade=0, size: tuple[int, int] = (6, 5), mode: str = "L") -> None:
    """Write a picture of one shade, with its folder; the size is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, shade).save(path)


def save_animals(folder: Path) -> Path:
    """Write two cats, a dog in a deeper folder, and a bird; their shades are 0, 10, 20 and 30."""
    for index, name in enumerate(["cat/0.png", "cat/1.png", "dog/large/rex.png", "bird/0.PNG"]):
        save_picture(folder / name, 10 * index)
    return folder
