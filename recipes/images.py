"""Images where they are kept: a folder with one sub-folder per class, a table of file names, idx and npz files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Unpack

from recipes.workflow import defaults, settings
from recipes.workflow.options import Effort, Report, Seed, Seeds, current_names
from toolkit.common.errors import DataError, nearest
from toolkit.common.options import documented, options_of
from toolkit.data.images.files import Form, read_images
from toolkit.data.images.preprocessing import check_files
from toolkit.data.images.stack import ImageSet, budget_left
from toolkit.data.memory import MemoryOptions, readable
from toolkit.data.pictures import Pictures
from toolkit.data.read import TABLE_ENDINGS
from toolkit.data.source import refuse_labels
from toolkit.data.split import is_drawn, share_from_text
from toolkit.data.target_checks import TASKS
from toolkit.heads import DEFAULT_HEADS, Head

if TYPE_CHECKING:
    from recipes.workflow.options import Options
    from toolkit import Comparison, Run

__all__ = ["compare", "train"]

Task = Annotated[str, "What to predict: multiclass, binary, multilabel or regression."]
Target = Annotated[
    str | list[str] | None,
    "For a table of file names: the column to predict, or several for multilabel and regression. By default the only "
    "column beside the file names, and for multilabel all of them.",
]
TestImages = Annotated[
    Any,
    "Images to test on: images of their own, given like the training images, a fraction, a number of images, or 0 for "
    "none. By default the test part that the images come with, or a fraction that suits their number.",
]
Files = Annotated[
    str | None, "For a table of file names: the column of file names. By default it is found by its values."
]
Size = Annotated[
    int | tuple[int, int] | None,
    "Pixels to resize to: one number for both sides, or height and width. By default a size that all images have, up "
    "to 128 pixels, otherwise the median size, reduced until no side is longer than 64.",
]


@documented
def train(
    source: Any,
    target: Target = None,
    *,
    task: Task = "multiclass",
    test: TestImages = None,
    head: Annotated[str | Head | None, "Loss and meaning of the scores; by default that of the task's recipe."] = None,
    effort: Effort = "default",
    seed: Seed = 0,
    report: Report = None,
    files: Files = None,
    size: Size = None,
    **options: Unpack[Options],
) -> Run:
    """Train a network on images, and evaluate it on images it never saw.

    The default network is convolutional (`toolkit.builders.cnn`). Images that are arrays already can go to
    `multiclass.train((X, y))` and its like, which do the same.

    Args:
        source: A folder with one sub-folder per class; a folder with two of them, named train and test; a table (CSV,
            TSV, Parquet) of file names and labels; idx or npz files, as MNIST's; or an (X, y) pair of arrays.
        options: See `recipes.workflow.options`; ``validation=`` is given like `test`.

    Raises:
        DataError: There are no images or no labels, too many files can't be read, or an option can't be used; the
            message says what to do.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> digits = load_digits(n_class=3)
        >>> run = train((digits.images, digits.target), epochs=1, baselines=False, progress=False)
        >>> run.predict(digits.images[:2]).shape
        (2,)
    """
    from recipes.workflow import train as workflow
    from toolkit.report.page import check_page

    check_page(report)  # before the pictures, which may take minutes
    named = current_names(options, stacklevel=2)
    workflow.read_options(effort, named, images=True, arguments=options_of(train), may_stream=True)
    memory = MemoryOptions(memory=named.get("memory"))
    seconds = time.perf_counter()
    images, test_images, validation = _read(source, task, target, test, files, size, named, memory)
    seconds = time.perf_counter() - seconds
    arguments = {"task": task, "target": target, "test": test, "head": head, "effort": effort, "seed": seed}
    arguments |= {"report": report, "files": files, "size": size}
    return workflow.train(
        task,
        images,
        target=None,
        test=test_images,
        head=DEFAULT_HEADS[task] if head is None else head,
        effort=effort,
        seed=seed,
        report=report,
        options=named | validation,
        call=settings.calls("images", "train", source, arguments, named),
        seconds_before={"files": seconds},
    )


@documented
def compare(
    source: Any,
    target: Target = None,
    *,
    task: Task = "multiclass",
    test: TestImages = None,
    heads: Annotated[
        Sequence[str | Head] | None,
        "Two or more heads; the others are compared with the first. By default those of the task's recipe.",
    ] = None,
    seeds: Seeds = 5,
    effort: Effort = "quick",
    report: Report = None,
    files: Files = None,
    size: Size = None,
    **options: Unpack[Options],
) -> Comparison:
    """Compare heads on images: SVM (hinge) and softmax on the same convolutional network, data, split and seeds.

    Args:
        source: As for `train`.
        options: As for `train`; the same for all heads.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> digits = load_digits(n_class=3)
        >>> options = {"heads": ("softmax", "hinge"), "seeds": 1, "epochs": 1, "baselines": False, "progress": False}
        >>> compare((digits.images, digits.target), **options).labels
        ['softmax', 'hinge']
    """
    from recipes.workflow import compare as comparing
    from recipes.workflow import train as workflow
    from toolkit.report.page import check_page

    check_page(report)
    workflow.read_options(effort, options, images=True, arguments=options_of(compare))
    images, test_images, validation = _read(source, task, target, test, files, size, options)
    arguments = {"task": task, "target": target, "test": test, "heads": None if heads is None else tuple(heads)}
    arguments |= {"seeds": seeds, "effort": effort, "report": report, "files": files, "size": size}
    return comparing.compare(
        task,
        images,
        target=None,
        test=test_images,
        heads=defaults.COMPARED[task] if heads is None else heads,
        seeds=seeds,
        effort=effort,
        report=report,
        options=options | validation,
        call=settings.calls("images", "compare", source, arguments, options),
    )


def _read(
    source: Any,
    task: str,
    target: str | list[str] | None,
    test: Any,
    files: str | None,
    size: int | tuple[int, int] | None,
    options: dict[str, Any],
    memory: MemoryOptions | None = None,
) -> tuple[ImageSet, Any, dict[str, Any]]:
    """Read the images, those to test on (or their fraction), and those to validate on."""
    if task not in TASKS:
        raise DataError(f"task {task!r} is not known (tasks: {', '.join(TASKS)}).{nearest(task, TASKS)}")
    refuse_labels(target, source)
    budget = None if memory is None else memory.budget
    parts = read_images(source, task=task, target=target, files=files, size=size, budget=budget)
    images = parts["train"]
    if memory is not None and memory.memory is not None and not images.names:
        raise DataError(
            f"memory= is for picture files, which can be decoded anew in each epoch, and {images.name} is not decoded: "
            "leave it out."
        )

    def part_of(part: str, requested: Any) -> Any:
        included = parts.get(part)
        if requested is None:
            return included
        if is_drawn(share_from_text(requested)):
            if included is not None:
                raise DataError(
                    f"{part}={requested}: {images.name} already has a {part} part with {len(included):,} images, which "
                    f"a fraction of the training images would replace. Leave {part}= out to use it; or, to hold out a "
                    "fraction, give only the training images (their folder, their idx file, or an (X, y) pair)."
                )
            return requested
        if included is not None:
            images.notes.append(
                f"The {part} part of {images.name}, {len(included):,} images, is not used: others were given."
            )
        tables = _is_table(source) and _is_table(requested)
        columns = {"target": list(images.target.columns), "files": files} if tables else {}
        left = budget_left(budget, images)
        sets = read_images(requested, task=task, form=Form.of(images.pixels), budget=left, **columns)
        images_of_part = sets.get(part, sets["train"])
        if isinstance(requested, str | Path):
            low, high = float(images.pixels.min()), float(images.pixels.max())
            check_files(images_of_part.pixels, low, high, images_of_part.name)
        return images_of_part

    validation, test_images = part_of("validation", options.get("validation")), part_of("test", test)
    sets = [part for part in (images, validation, test_images) if isinstance(part, ImageSet)]
    streamed = sum(len(part) for part in sets if isinstance(part.pixels, Pictures) and part.pixels.in_files)
    if memory is not None and streamed:
        images.notes.append(
            f"{streamed:,} pictures are not kept in memory, because training with all of them there may take more than "
            f"{readable(memory.budget)} (memory=). They were all read once, and are decoded anew in each epoch."
        )
    return images, test_images, {} if validation is None else {"validation": validation}


def _is_table(source: Any) -> bool:
    """Return whether a source is a file that holds a table; idx files may end in .gz too, and are none."""
    return isinstance(source, str | Path) and str(source).lower().endswith(TABLE_ENDINGS)
