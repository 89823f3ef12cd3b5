"""What a report on images shows: the pictures are read back from their PNGs."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.helpers.pages import Page, pixels_of, words
from toolkit.common.formatting import number
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.images.stack import Images
from toolkit.data.notes import notes_of
from toolkit.data.target import Target
from toolkit.heads import get_head
from toolkit.report import page as report
from toolkit.report.pixels import (
    displayed,
    scale_of,
    shrunk,
    signed,
)
from toolkit.report.summary import summarize
from toolkit.report.summary.images import examples, occlusion, patch_positions


@pytest.fixture(scope="module")
def content(image_result):
    return summarize(image_result)


@pytest.fixture(scope="module")
def page(content):
    return report.render(content)


def test_the_summary_is_strict_json_and_the_same_again(image_result, content):
    text = json.dumps(content, allow_nan=False)
    assert json.loads(text) == content
    assert summarize(image_result) == content
    assert report.render(json.loads(text)) == report.render(content)


def test_the_images_are_described(image_result, content):
    found, train = content["images"], image_result.dataset.features.pixels[image_result.dataset.parts["train"]]
    assert (found["height"], found["width"], found["channels"], found["dtype"]) == (16, 12, 3, "uint8")
    assert (found["low"], found["high"]) == (train.min(), train.max())
    assert found["mean"] == pytest.approx(train.mean(), rel=1e-4)
    assert found["deviation"] == pytest.approx(train.std(), rel=1e-4)
    assert content["data"]["columns"] == content["data"]["set_aside"] == []
    assert content["data"]["rows"] == 150
    assert "broken.jpg" in content["data"]["notes"][0]


def test_no_note_on_images_speaks_of_columns(image_result):
    parts = image_result.dataset.parts
    few = dataclasses.replace(image_result.dataset, parts={**parts, "train": parts["train"][:5]})
    assert few.describe()["left_out"]  # too few rows to say how well a column predicts the target
    assert notes_of(few) == few.notes


def test_examples_are_training_images_of_their_class(image_result, content):
    table, found = image_result.dataset, content["images"]["examples"]
    assert (found["by"], found["left_out"]) == ("class", 0)
    assert [entry["name"] for entry in found["shown"]] == image_result.classes
    for entry in found["shown"]:
        rows = [row for row in table.parts["train"] if table.target_frame["class"][row] == entry["name"]]
        assert entry["rows"] == len(rows)
        sheet = pixels_of(entry["sheet"])
        assert sheet.shape == (16, entry["images"] * 13 - 1, 4)
        known = {table.features.pixels[row].tobytes() for row in rows}
        for place in range(entry["images"]):
            assert np.ascontiguousarray(sheet[:, 13 * place : 13 * place + 12, :3]).tobytes() in known


def test_the_filters_are_the_first_layers_weights(image_result, content):
    found, layer = content["images"]["filters"], image_result.model.get_layer("convolution_1")
    kernel = np.asarray(layer.kernel)
    assert (found["layer"], found["kind"], found["colour"]) == ("convolution_1", "convolution", True)
    assert len(found["shown"]) + found["left_out"] == kernel.shape[-1]
    for place, tile in enumerate(found["shown"]):
        assert np.array_equal(pixels_of(tile["picture"]), signed(kernel[..., place]))
        assert (tile["low"], tile["high"]) == pytest.approx((kernel[..., place].min(), kernel[..., place].max()), 1e-4)


def test_mistakes_are_pictures_of_test_rows_that_were_predicted_wrong(image_result, content):
    table, outcome, found = image_result.dataset, image_result.outcome, content["mistakes"]
    wrong = table.parts["test"][outcome.y_true != outcome.y_pred]
    assert found["total"] == len(wrong) == len(found["rows"]) > 0
    for entry in found["rows"]:
        row = table.features.names.index(entry["file"])
        assert row in wrong
        assert entry["row"] == table.source_rows[row]
        assert np.array_equal(pixels_of(entry["picture"]), table.features.pixels[row])
        assert entry["said"][0] == entry["file"].split("/")[0] != entry["said"][1]


def test_maps_are_of_the_mistakes_first_and_then_of_right_decisions(image_result, content):
    found = content["images"]["occlusion"]
    wrong = [entry["file"] for entry in content["mistakes"]["rows"][:4]]
    assert [entry["file"] for entry in found["shown"]][: len(wrong)] == wrong
    assert [entry["right"] for entry in found["shown"]] == [False] * len(wrong) + [True] * (
        len(found["shown"]) - len(wrong)
    )
    assert (found["patch"], found["places"]) == ([4, 3], 49)
    for entry in found["shown"]:
        row = image_result.dataset.features.names.index(entry["file"])
        image = image_result.dataset.features.pixels[row]
        assert np.array_equal(pixels_of(entry["picture"]), image)
        assert pixels_of(entry["map"]).shape == (16, 12, 3)
        scores = np.sort(image_result.raw_scores(image[None])[0])
        assert entry["score"] == pytest.approx(scores[-1] - scores[-2], rel=1e-3)
        assert len(entry["drops"]) == 49
        # The patch in the upper left corner, put there by hand.
        hidden = image[None].copy()
        hidden[0, :4, :3] = round(image_result.preprocessing.mean)
        own = image_result.raw_scores(hidden)[0]
        decided = image_result.raw_scores(image[None])[0].argmax()
        fall = entry["score"] - (own[decided] - np.delete(own, decided).max())
        assert entry["drops"][0] == pytest.approx(fall, abs=1e-3)


def by_hand(result, weights, task="binary"):
    """A result of a linear model on 4 x 4 gray images, with weights set by hand; its decisions are right."""
    pixels = np.zeros((6, 4, 4, 1), np.float32)
    pixels[:, 0, 0] = 4.0
    pixels[3:, 3, 3] = 8.0
    rows = np.arange(6)
    values = [1.0, 2, 3, 4, 5, 6] if task == "regression" else ["b"] * 3 + ["a"] * 3
    target = pd.DataFrame({"side": values})
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([weights.reshape(16, 1)])
    table = dataclasses.replace(
        result.dataset, task=task, features=Images(pixels), parts={"train": rows, "test": rows}, target_frame=target,
        source_rows=rows + 1,
    )  # fmt: skip
    result = dataclasses.replace(
        result, task=task, head=get_head(task, "squared" if task == "regression" else "logistic"), model=model,
        preprocessing=ImagePreprocessing((4, 4, 1), "float32", 0.0, 1.0, 0.0, 8.0), calibration=None, dataset=table,
        target=Target.fit(target, rows, task, rows + 1),
    )  # fmt: skip
    return dataclasses.replace(result, outcome=result.outcome_of(result.raw_scores(pixels), target))


def test_the_map_of_a_linear_model_shows_its_weights(image_result):
    weights = np.zeros((4, 4))
    weights[0, 0], weights[3, 3] = 1.0, -2.0
    found: Any = occlusion(by_hand(image_result, weights))
    assert (found["patch"], found["places"]) == ([1, 1], 16)
    assert [entry["row"] for entry in found["shown"]] == [1, 4, 2, 3]  # one of each class, then others
    assert all(entry["right"] for entry in found["shown"])
    drops = {entry["row"]: np.array(entry["drops"]).reshape(4, 4) for entry in found["shown"]}
    # Score of row 1: 4. Hiding the first pixel costs all of it, hiding the last, which is dark, nothing.
    assert drops[1][0, 0] == 4
    assert np.count_nonzero(drops[1]) == 1
    # Score of row 4: 4 - 16 = -12, for the other class: the first pixel speaks against it.
    assert (drops[4][0, 0], drops[4][3, 3]) == (-4, 16)


def test_of_a_regression_the_map_is_in_the_targets_unit(image_result):
    weights = np.zeros((4, 4))
    weights[0, 0] = 0.5
    result = by_hand(image_result, weights, "regression")
    found: Any = occlusion(result)
    unit = np.std([1, 2, 3, 4, 5, 6])  # scores are standardized
    assert found["shown"][0]["drops"][0] == pytest.approx(2.0 * unit, rel=1e-3)
    assert {entry["right"] for entry in found["shown"]} == {None}
    shown = examples(result)
    assert (shown["by"], shown["target"]) == ("band", "side")
    assert [entry["name"] for entry in shown["shown"]] == ["1 to 2", "3", "4", "5", "6"]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (5, 30), (1, 1), (3, 64), (128, 96)])
def test_the_patches_cover_the_image(height, width):
    patch, corners = patch_positions(height, width)
    covered = np.zeros((height, width), int)
    for top, left in corners:
        covered[top : top + patch[0], left : left + patch[1]] += 1
    assert covered.min() >= 1
    assert len(corners) <= 49
    assert len(np.unique(corners, axis=0)) == len(corners)


def test_thousands_of_classes_are_capped_and_photographs_stay_small(image_result):
    drawn = np.random.default_rng(0)
    pixels = drawn.integers(0, 256, (5_000, 64, 64, 3), dtype=np.uint8)
    target = pd.DataFrame({"class": [f"c{place:04}" for place in range(1_000)] * 5})
    parts = {"train": np.arange(5_000), "test": np.arange(3)}
    result = dataclasses.replace(
        image_result,
        preprocessing=ImagePreprocessing((64, 64, 3), "uint8", 127.0, 74.0, 0.0, 255.0),
        target=Target.fit(target, parts["train"], "multiclass", np.arange(1, 5_001)),
        dataset=dataclasses.replace(image_result.dataset, features=Images(pixels), parts=parts, target_frame=target),
    )
    found = examples(result)
    assert (len(found["shown"]), found["left_out"]) == (10, 990)
    assert len(json.dumps(found)) < 600_000


TARGETS = {
    "binary": (np.arange(90) % 3 > 0, ["False", "True"]),
    "multilabel": (np.stack([np.arange(90) % 2, np.arange(90) % 3 == 0], axis=1).astype(int), ["label 1", "label 2"]),
    "regression": (np.stack([np.arange(90.0), -np.arange(90.0)], axis=1), None),
}


@pytest.mark.parametrize("task", list(TARGETS))
def test_every_task_has_its_page_of_images(task):
    drawn = np.random.default_rng(0)
    y, names = TARGETS[task]
    pixels = drawn.random((90, 6, 5)) + y.reshape(90, -1)[:, :1, None] / 100
    train = importlib.import_module(f"recipes.{task}").train
    run = train((pixels, y), build="linear", epochs=1, progress=False, baselines=False).result
    content = summarize(run)
    found = content["images"]
    shown = [entry["name"] for entry in found["examples"]["shown"]]
    assert shown == names if names else len(shown) == 5
    assert found["filters"]["scores"]
    assert (found["filters"]["kind"], found["filters"]["height"], found["filters"]["width"]) == ("dense", 6, 5)
    kernel = np.asarray(run.model.layers[-1].kernel)
    assert found["filters"]["shown"][0]["low"] == pytest.approx(kernel[:, 0].min(), rel=1e-4)
    assert len(found["occlusion"]["shown"]) > 1
    for entry in found["occlusion"]["shown"]:
        place = list(run.dataset.source_rows[run.dataset.parts["test"]]).index(entry["row"])
        if task == "multilabel":
            label = names.index(entry["said"][0])
            assert entry["said"][1:3] == [bool(v[place, label]) for v in (run.outcome.y_true, run.outcome.y_pred)]
            assert entry["score"] == pytest.approx(abs(run.outcome.scores[place, label]), rel=1e-3)
        elif task == "regression":
            target = content["target"].index(entry["said"][0])
            assert entry["score"] == pytest.approx(run.outcome.y_pred[place, target], rel=1e-3)
    text = words(Page(report.render(content)).all("main")[0]["text"])
    assert "What decisions rest on" in text
    assert not re.search("columns (are|become|to|of)|Columns", text)


# The page


def test_the_page_shows_every_picture_with_words_for_it(content, page):
    elements = Page(page)
    pictures = elements.all("img")
    found = content["images"]
    expected = [entry["sheet"] for entry in found["examples"]["shown"]]
    expected += [tile["picture"] for tile in found["filters"]["shown"]]
    expected += [row["picture"] for row in content["mistakes"]["rows"]]
    expected += [picture for entry in found["occlusion"]["shown"] for picture in (entry["picture"], entry["map"])]
    assert [picture["src"] for picture in pictures] == expected
    assert all(picture["alt"].strip() for picture in pictures)
    for picture in pictures:  # whole squares of pixels
        height, width = pixels_of(picture["src"]).shape[:2]
        assert int(picture["height"]) % height == int(picture["width"]) % width == 0
    policy = next(element for element in elements.all("meta") if "http-equiv" in element)
    assert "img-src data:" in policy["content"]
    assert "image-rendering:pixelated" in elements.all("style")[0]["text"]
    assert not elements.all("script")


def test_the_page_speaks_of_images_and_not_of_columns(page):
    text = words(Page(page).all("main")[0]["text"])
    assert "16 × 12 pixels (height × width), 3 channels (color)" in text
    assert "3 × 3 × 3 × " in text  # where the first layer's parameters come from
    assert "columns" not in text.replace("Repeat", "")
    assert "broken.jpg" in text
    assert [link["href"] for link in Page(page).all("a") if link["href"] == "#occlusion"]
    assert len(page.encode()) < 2_000_000


def test_the_numbers_behind_the_pictures_stand_in_tables(content, page):
    captions = [words(caption["text"]) for caption in Page(page).all("caption")]
    assert any(caption.startswith("Weights of the first layer") for caption in captions)
    assert any(caption.startswith("Occlusion") for caption in captions)
    entry = content["images"]["occlusion"]["shown"][0]
    assert number(max(entry["drops"])) in words(page)


def test_without_rows_no_image_is_left_and_the_filters_stay(image_result, content):
    bare = summarize(image_result, rows=False)
    assert bare["images"]["examples"] is bare["images"]["occlusion"] is bare["mistakes"] is None
    page = Page(report.render(bare))
    shown = [tile["picture"] for tile in content["images"]["filters"]["shown"]]
    assert [picture["src"] for picture in page.all("img")] == shown
    assert not [link for link in page.all("a") if link["href"] == "#occlusion"]
    assert "are left out of this report" in page.all("main")[0]["text"]
    for name in ("disc/", "cross/0", "square/0"):
        assert name not in json.dumps(bare["images"])


def test_a_saved_run_shows_the_same_page_without_images(image_run, image_result, tmp_path):
    import toolkit

    loaded = toolkit.load(image_run.save(tmp_path / "shapes.keras"))
    assert loaded.summary() == summarize(image_result, rows=False)


def test_a_summary_saved_before_there_were_images_is_still_shown(results):
    old = summarize(results["multiclass"])

    def content():  # the page, but for the fingerprint of its data
        return re.sub(r'content="[0-9a-f]{64}"', "", report.render(old))

    known = content()
    del old["images"]
    assert content() == known


def test_numbers_that_are_no_bytes_are_shown_from_the_least_to_the_greatest(image_result):
    images = Images(image_result.dataset.features.pixels.astype(np.float32) / 229)
    floats = dataclasses.replace(image_result.dataset, features=images)
    preprocessing = ImagePreprocessing.fit(images.take(floats.parts["train"]))
    changed = dataclasses.replace(image_result, preprocessing=preprocessing, dataset=floats)
    sheet = pixels_of(examples(changed)["shown"][0]["sheet"])
    expected = shrunk(displayed(images.pixels[:1], preprocessing.low, preprocessing.high))
    assert expected.dtype == np.uint8
    assert sheet[..., :3].max() == 255
    assert Image.fromarray(sheet).mode == "RGBA"
    assert scale_of(16, 12) == 3
