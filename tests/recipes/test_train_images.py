"""Images as arrays through the recipes: every task, head and builder, saved, updated and compared."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import toolkit
from recipes import (
    binary,
    multiclass,
    multilabel,
    regression,
)
from recipes.workflow import defaults
from toolkit.common.errors import DataError
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.prepare import prepare
from toolkit.evaluation import baselines
from toolkit.evaluation.metrics import evaluate
from toolkit.heads import get_head
from toolkit.report import render

QUICK = {"epochs": 2, "progress": False, "baselines": False, "filters": 4, "batch_size": 32}
ROWS = 240


def digits(rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Scikit-learn's digits as 8-bit images."""
    columns, labels = load_digits(return_X_y=True)
    return columns[:rows].reshape(-1, 8, 8).astype(np.uint8), labels[:rows]


X, Y = digits()
ODD = Y % 2 == 1
TARGETS = {
    "binary": np.where(ODD, "odd", "even"),
    "multiclass": Y,
    "multilabel": np.stack([ODD, Y > 4], axis=1).astype(int),
    "regression": np.stack([Y, -2.0 * Y], axis=1),
}
RECIPES = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel, "regression": regression}


@pytest.fixture(scope="module")
def run():
    """One network on all digits, shared: nobody refits or changes it."""
    x, y = digits(1797)
    return multiclass.train((x, y), epochs=12, progress=False, baselines=False)


@pytest.mark.parametrize(
    ("task", "head"),
    [
        ("regression", "squared"),
        ("binary", "squared_hinge"),
        ("multiclass", "hinge"),
        ("multilabel", "logistic"),
    ],
)
def test_every_task_learns_from_images(task, head):
    trained = RECIPES[task].train((X, TARGETS[task]), head=head, **QUICK)
    assert trained.is_image
    assert np.isfinite(list(trained.metrics.values())).all()
    assert trained.predict(X[:5]).shape == TARGETS[task][:5].shape
    assert set(trained.predict(X[:5]).ravel()) <= set(TARGETS[task].ravel()) or task == "regression"
    assert set(trained.evaluate((X, TARGETS[task]))) == set(trained.metrics)


def test_a_few_passes_tell_the_digits_apart(run):
    assert run.metrics["accuracy"] > 0.95
    assert run.model.layers[0].name == "rescaled"
    assert run.model.input_shape == (None, 8, 8, 1)
    assert run.dataset.features.pixels.dtype == np.uint8
    assert run.settings["preprocessing"]["shape"] == [8, 8, 1]
    assert run.settings["model"]["pixels"] == [run.preprocessing.mean, run.preprocessing.deviation]


def test_the_model_alone_takes_raw_pixels(run):
    np.testing.assert_allclose(run.model.predict(X[..., None], verbose=0), run.decision_function(X), atol=1e-4)


def test_a_saved_run_predicts_the_same_to_the_last_bit(run, tmp_path):
    loaded = toolkit.load(run.save(tmp_path / "digits.keras"))
    assert loaded.is_image
    assert loaded.preprocessing == run.preprocessing
    np.testing.assert_array_equal(loaded.decision_function(X), run.decision_function(X))
    np.testing.assert_array_equal(loaded.predict_proba(X), run.predict_proba(X))
    plain = keras.models.load_model(tmp_path / "digits.keras")
    np.testing.assert_allclose(plain.predict(X[..., None], verbose=0), run.decision_function(X), atol=1e-4)


def test_two_trainings_with_the_same_inputs_give_the_same_weights():
    first, again, other = (multiclass.train((X, Y), seed=seed, **QUICK) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True))
    assert first.metrics == again.metrics
    assert not np.array_equal(first.model.get_weights()[0], other.model.get_weights()[0])


def test_colors_in_floats_are_as_good():
    colors = np.repeat(X[..., None] / 16, 3, axis=3)
    trained = binary.train((colors, ODD), **QUICK)
    assert trained.is_image
    assert trained.model.input_shape == (None, 8, 8, 3)
    assert trained.predict(colors[0]).shape == (1,)


@pytest.mark.parametrize("build", ["linear", "mlp"])
def test_pixels_are_the_columns_of_the_other_builders(build):
    options = {
        "xla": True,
        "epochs": 20,
        "progress": False,
        "baselines": False,
        "batch_size": 32,
        "learning_rate": 0.003,
    }
    trained = binary.train((X, ODD), build=build, **options)
    assert trained.metrics["accuracy"] > 0.75
    assert trained.settings["model"]["builder"] == build
    assert trained.settings["training"]["xla"]
    assert [type(layer).__name__ for layer in trained.model.layers[:2]] == ["Rescaling", "Flatten"]


def test_a_builder_of_the_users_own_gets_the_shape_and_raw_pixels():
    seen = []

    def own(inputs, units):
        seen.append(inputs)
        layers = [keras.Input(inputs), keras.layers.Rescaling(1 / 16), keras.layers.Conv2D(4, 3, activation="relu")]
        return keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(units)])

    options = {name: value for name, value in QUICK.items() if name != "filters"}
    trained = multiclass.train((X, Y), build=own, **options)
    assert seen == [(8, 8, 1)]
    assert trained.settings["training"]["shift"] == 0, "what the recipe chooses is for its own network"


def test_a_run_goes_on_learning_from_new_images():
    trained = binary.train((X, ODD), **QUICK)
    before = [weights.copy() for weights in trained.model.get_weights()]
    with pytest.raises(DataError, match="batch_size=32 or so"):
        trained.update((X[:64], ODD[:64]))
    trained.update((X[:64], ODD[:64]), batch_size=32, learning_rate=0.1)
    assert not np.array_equal(before[0], trained.model.get_weights()[0])


def test_heads_are_compared_on_images_on_equal_terms(tmp_path):
    comparison = multiclass.compare((X, Y), heads=("softmax", "hinge"), seeds=2, **QUICK | {"baselines": True})
    assert comparison.labels == ["softmax", "hinge"]
    assert set(comparison.baseline_outcomes[0]) == {"dummy", "linear", "tree"}
    page = comparison.report(tmp_path / "compared.html").read_text(encoding="utf-8")
    assert "Images of 8 × 8 × 1 pixels" in page
    datasets = comparison.datasets
    stacks = [trial.result.dataset.features.pixels for trial in comparison.trials.values()]
    assert len(stacks) == 4
    assert all(stack is datasets[0].features.pixels is datasets[1].features.pixels for stack in stacks)
    assert not np.array_equal(datasets[0].parts["test"], datasets[1].parts["test"])
    several = multilabel.compare((X, TARGETS["multilabel"]), heads=("logistic", "separate"), seeds=1, **QUICK)
    assert several.labels == ["logistic", "separate"]


def test_baselines_learn_from_pixels():
    trained = multiclass.train((X, Y), **QUICK | {"baselines": True})
    assert set(trained.baselines) == {"dummy", "linear", "tree"}
    assert trained.table.loc["accuracy", "linear"] > 0.8
    assert not any("baseline learns from" in sentence for sentence in trained.verdict)


class SmallEncoder(ImagePreprocessing):
    most_rows: ClassVar = {"linear": 100, "tree": 150}
    most_columns: ClassVar = {"linear": 64, "tree": 16}


def test_baselines_of_many_or_large_images_say_what_they_did_not_see():
    dataset = prepare((X, Y), task="multiclass").preprocess()
    dataset = dataclasses.replace(dataset, preprocessing=SmallEncoder(**vars(dataset.preprocessing)))
    linear, tree = baselines.notes_on_baselines(dataset)
    assert linear.startswith("The linear baseline learns from 100 of 192 images, which")
    assert tree.startswith("The tree baseline learns from 150 of 192 images and the means of 2 x 2 pixels")
    outcomes = baselines.fit_baselines(dataset, dataset.preprocessing, dataset.target, seed=0)
    assert evaluate(outcomes["tree"])["accuracy"] > 0.3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scaling": "mean"}, "'scaling' is for columns, and these are images"),
        ({"hidden": (25, 15)}, "'hidden' is an option of mlp, and images are for cnn: add build='mlp'"),
        ({"build": "cn"}, "Did you mean 'cnn'"),
        ({"members": 2}, "can't be trained side by side"),
        ({"feature_scale": True}, "'feature_scale' is for columns, and these are images"),
        ({"group": "patient"}, "'group' is for columns, and these are images"),
        ({"shift": 9}, "out of sight"),
    ],
)
def test_options_that_images_have_no_use_for_are_refused(options, says):
    with pytest.raises(DataError, match=says):
        multiclass.train((X, Y), epochs=1, progress=False, baselines=False, **options)


def test_the_convolutional_network_is_for_images_alone():
    with pytest.raises(DataError, match="cnn is for images, and the inputs are columns: write build='mlp'"):
        multiclass.train((X.reshape(ROWS, -1), Y), build="cnn", epochs=1, progress=False, baselines=False)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (X[:, :7], "images of 7 x 8 x 1; those of the training are 8 x 8 x 1"),
        (X.reshape(ROWS, -1), r"has shape \(240, 64\); expected images of 8 x 8 x 1"),
        (X / 16, "bring them to the same scale"),
        (np.full((1, 8, 8), np.nan), "missing or infinite pixel, first in image 1"),
    ],
)
def test_other_images_than_those_of_the_training_are_refused(run, new, says):
    with pytest.raises(DataError, match=says):
        run.predict(new)


def test_defaults_of_images_are_one_network_that_effort_widens_and_trains_longer():
    head, nothing = get_head("multiclass", "softmax"), {"model": {}, "training": {}, "ensemble": {}}

    def chosen(effort="default", builder="cnn", rows=51_000, **asked):
        return defaults.choose_for_images(head, effort, nothing | asked, rows, (28, 28, 1), builder)

    efforts = [chosen(effort) for effort in defaults.IMAGE_EFFORTS]
    assert [one["model"]["filters"] for one in efforts] == sorted(one["model"]["filters"] for one in efforts)
    assert [one["training"]["epochs"] for one in efforts] == sorted(one["training"]["epochs"] for one in efforts)
    assert "learning_rate" not in chosen(training={"optimizer": keras.optimizers.SGD()})["training"]
    assert "shift" not in chosen(builder="linear")["training"]
    assert "feature_scale" not in chosen(builder="mlp")["training"]


def test_a_builder_that_takes_images_for_columns_is_told_so():
    def own(inputs, units):
        return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(units)])

    with pytest.raises(
        DataError, match=r"build=own failed: .* inputs is \(height, width, channels\), here \(8, 8, 1\)"
    ):
        multiclass.train((X, Y), build=own, epochs=1, progress=False, baselines=False)


@pytest.mark.parametrize("ask", ["predict", "evaluate", "update"])
def test_a_run_on_pixels_up_to_16_takes_no_picture_files(run, tmp_path, ask):
    for label in "34":
        (tmp_path / label).mkdir()
        Image.new("L", (8, 8), 200).save(tmp_path / label / "0.png")
    options = {"batch_size": 2} if ask == "update" else {}
    before = [weights.copy() for weights in run.model.get_weights()]
    with pytest.raises(DataError, match="trained on pixels from 0 to 16, picture files have 0 to 255: give arrays"):
        getattr(run, ask)(tmp_path, **options)
    assert all(np.array_equal(one, other) for one, other in zip(before, run.model.get_weights(), strict=True))


def test_only_pages_of_models_that_rescale_say_so(run):
    def own(inputs, units):
        return keras.Sequential([keras.Input(inputs), keras.layers.Flatten(), keras.layers.Dense(units)])

    bare = multiclass.train((X, Y), build=own, epochs=1, progress=False, baselines=False)
    assert "inside the model, by that mean" in render(run.summary())
    assert "inside the model, by that mean" not in render(bare.summary())
