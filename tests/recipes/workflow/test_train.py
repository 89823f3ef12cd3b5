"""The recipes: one call for each task, the options passed on, the mistakes caught."""

from __future__ import annotations

import ast
import inspect
import signal

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris, make_friedman1

import recipes
import toolkit
from recipes import (
    binary,
    multiclass,
    multilabel,
    regression,
)
from recipes.samples import path
from recipes.workflow import defaults, networks, options
from recipes.workflow import train as workflow
from tests.helpers.ctrl_c import PressesCtrlC
from tests.helpers.pages import Page
from toolkit import training
from toolkit.builders import cnn
from toolkit.common.errors import DataError
from toolkit.common.option_names import FOREIGN_NAMES
from toolkit.common.options import options_of
from toolkit.data.stratify import FOLDS
from toolkit.heads import DEFAULT_HEADS, get_head
from toolkit.training.fitting import unseen

QUICK = {"epochs": 3, "progress": False, "baselines": False, "hidden": (8,)}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    return pd.DataFrame(
        {
            "a": x[:, 0],
            "b": x[:, 1],
            "two": np.where(x[:, 0] > 0, "yes", "no"),
            "three": np.digitize(x[:, 1], [-0.5, 0.5]),
            "number": np.exp(x[:, 0]),
            "flag": (x[:, 1] > 0).astype(int),
        }
    )


@pytest.fixture(scope="module")
def several():
    """Return a run of the default network, whose settings take different inputs: two numbers, or pieces of them."""
    x, y = make_friedman1(600, n_features=5, random_state=0)
    data = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    return regression.train(data, target="y", epochs=1, progress=False, baselines=False)


def test_the_four_tasks_are_modules_of_recipes():
    for task in ("binary", "multiclass", "multilabel", "regression"):
        assert callable(getattr(recipes, task).train)


def test_two_trainings_with_the_same_inputs_give_the_same_weights_metrics_and_report(frame):
    first, again, other = (
        binary.train(frame[["a", "b", "two"]], target="two", seed=seed, **QUICK) for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True))
    assert first.metrics == again.metrics
    assert not np.array_equal(first.dataset.parts["test"], other.dataset.parts["test"])

    def without_times(value):
        if isinstance(value, dict):
            return {
                k: without_times(v) for k, v in value.items() if "second" not in k and k not in ("created", "times")
            }
        return [without_times(v) for v in value] if isinstance(value, list) else value

    assert without_times(first.summary()) == without_times(again.summary())


def test_a_callback_that_only_looks_leaves_every_default_and_weight_as_it_is(frame):
    """It may come from a generator, which can be read only once."""
    options = {"target": "two", "epochs": 3, "members": 4, "progress": False, "baselines": False}
    alone = binary.train(frame[["a", "b", "two"]], **options)
    looks = (keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(1)) for _ in range(2))
    seen: list[int] = []
    watched = binary.train(frame[["a", "b", "two"]], callbacks=looks, **options)
    assert len(seen) == 6
    pairs = zip(alone.model.get_weights(), watched.model.get_weights(), strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)
    settings = [run.settings["training"] | {"callbacks": []} for run in (alone, watched)]
    assert settings[0] == settings[1]
    assert settings[0]["schedule"] == "cycles"


def test_a_number_is_learned_on_its_logarithm_when_asked(frame):
    options = {"epochs": 60, "progress": False, "baselines": False, "hidden": (), "learning_rate": 0.05}
    data = frame[["a", "b", "number"]]
    plain = regression.train(data, target="number", **options)
    logged = regression.train(data, target="number", log_target=True, **options)
    assert logged.metrics["r2"] > 0.98 > plain.metrics["r2"], "the number is the exponential of a column"
    assert (logged.predict(data) > 0).all()


@pytest.mark.parametrize("scaling", ["standard", "mean", "robust"])
def test_every_scaling_trains(frame, scaling):
    run = binary.train(frame[["a", "b", "two"]], target="two", scaling=scaling, **QUICK)
    assert run.settings["preprocessing"]["scaling"] == scaling


def test_several_targets_are_predicted_by_one_network(frame):
    run = regression.train(frame[["a", "b", "number", "flag"]], target=["number", "flag"], **QUICK)
    assert run.predict(frame).shape == (120, 2)
    assert run.model.output_shape == (None, 2)


def test_balanced_class_weights_find_more_of_the_rare_class():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 2))
    y = (x[:, 0] + rng.normal(size=1500) > 2.2).astype(int)
    found = {}
    for weight in (None, "balanced", {1: 1.0, 0: 0.0001}):
        run = binary.train((x, y), class_weight=weight, **(QUICK | {"epochs": 30, "learning_rate": 0.01}))
        found[str(weight)] = run.metrics["recall"]
        assert any("This moves the decisions, not the probabilities" in note for note in run.notes) == bool(weight)
    assert found["None"] + 0.2 < found["balanced"] <= found["{1: 1.0, 0: 0.0001}"] == 1.0


def test_sample_weights_of_a_column_take_rows_out_of_the_training(frame):
    wrong = frame.assign(two=np.where(np.arange(120) % 2, frame["two"], "no"), weight=np.arange(120) % 2)
    run = binary.train(
        wrong[["a", "b", "two", "weight"]], target="two", sample_weight="weight", baselines=False, progress=False,
        hidden=(), epochs=200, learning_rate=0.05,
    )  # fmt: skip
    assert "weight" in run.dataset.set_aside
    assert run.evaluate(frame)["accuracy"] > 0.9, "only the rows with a right label count"


def test_a_test_file_of_its_own_is_the_test_part(tmp_path, frame):
    data = frame[["a", "b", "two"]]
    data[:90].to_csv(tmp_path / "train.csv", index=False)
    data[90:].to_csv(tmp_path / "test.csv", index=False)
    run = binary.train(tmp_path / "train.csv", target="two", test=tmp_path / "test.csv", **QUICK)
    assert len(run.dataset.parts["test"]) == 30
    assert run.metrics == pytest.approx(run.evaluate(data[90:]))


def test_a_builder_of_ones_own_gets_its_own_options(frame):
    def narrow(inputs: int, units: int, *, width: int = 3) -> keras.Sequential:
        """Build one hidden layer.

        Args:
            width: Its neurons.
        """
        return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(width, "tanh"), keras.layers.Dense(units)])

    run = binary.train(
        frame[["a", "b", "two"]], target="two", build=narrow, width=5, epochs=1, progress=False, baselines=False
    )
    assert run.model.count_params() == 3 * 5 + 6
    assert run.settings["model"] == {"builder": "narrow", "width": 5}
    with pytest.raises(DataError, match="'hidden' is not known"):
        binary.train(frame, target="two", build=narrow, hidden=(3,))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([keras.layers.Dense(1, "sigmoid")], "must be a dense one without activation"),
        ([keras.layers.Dense(1), keras.layers.Activation("sigmoid")], "must be a dense one without activation"),
        ([keras.layers.Dense(2)], r"expected \(None, 1\)"),
    ],
)
def test_a_builder_whose_output_is_not_linear_is_refused(frame, layers, message):
    with pytest.raises(DataError, match=message):
        binary.train(
            frame[["a", "b", "two"]], target="two", build=lambda inputs, units: keras.Sequential(layers),
            progress=False,
        )  # fmt: skip


def test_digits_are_told_apart_by_their_pixels():
    x, y = load_digits(return_X_y=True)
    run = multiclass.train((x, y), epochs=20, hidden=(64,), learning_rate=0.005, progress=False, baselines=False)
    assert run.metrics["accuracy"] > 0.93
    assert run.predict(x[:5]).dtype == y.dtype


def test_one_hot_targets_are_classes_and_indicators_are_labels():
    x, y = load_iris(return_X_y=True)
    run = multiclass.train((x, np.eye(3)[y]), **QUICK)
    assert run.target.classes == [0, 1, 2]
    labels = multilabel.train((x, np.stack([y > 0, y > 1], axis=1)), **QUICK)
    assert labels.predict(x).dtype == bool


def test_test_rows_come_as_a_table_too(frame):
    data = frame[["a", "b", "two"]]
    run = binary.train(data.head(90), target="two", test=data.tail(30), **QUICK)
    assert len(run.dataset.parts["test"]) == 30


LOGISTIC = get_head("binary", "logistic")
NOTHING = {"model": {}, "training": {}, "ensemble": {}}


def test_efforts_differ_in_the_number_of_networks_unless_the_user_names_it():
    numbers = [defaults.networks(effort, NOTHING) for effort in ("quick", "default", "best")]
    assert 1 == numbers[0] < numbers[1] < numbers[2]
    assert defaults.networks("best", NOTHING | {"ensemble": {"members": 2}}) == 2
    with pytest.raises(DataError, match="Did you mean 'quick'"):
        defaults.check_effort("quik")


def test_a_network_that_the_user_names_is_one_network_and_gets_no_dropout():
    for named in (NOTHING | {"model": {"hidden": (8,)}}, NOTHING | {"model": {"activation": "tanh"}}):
        assert defaults.networks("default", named) == 1
        assert defaults.choose(LOGISTIC, "default", named, 300)["model"] == {}
    assert defaults.networks("default", NOTHING, custom=True) == 1
    assert defaults.choose(LOGISTIC, "default", NOTHING, 300, custom=True) == {"model": {}, "training": {}}


def test_the_default_network_makes_fewer_passes_over_very_many_rows():
    passes = [defaults.choose(LOGISTIC, "quick", NOTHING, rows)["training"]["epochs"] for rows in (300, 10**5, 10**6)]
    assert passes == [64, 64, 8]


def test_a_table_of_few_rows_gets_steps_enough_to_be_learned():
    # Friedman's first function: smooth, with noise of 0.5. At 256 rows a step the network stays behind the trees.
    x, y = make_friedman1(500, noise=0.5, random_state=0)
    run = regression.train((x, y), effort="quick", progress=False)
    assert run.metrics["rmse"] < 1.2 < run.table.loc["rmse", "tree"]


def test_penalties_are_on_the_weights_that_the_user_gets():
    assert not defaults.choose(LOGISTIC, "default", NOTHING | {"model": {"l2": 0.1}}, 300)["training"]["feature_scale"]


def test_an_optimizer_that_the_user_names_runs_at_its_own_rate():
    def chosen(**asked):
        return defaults.choose(LOGISTIC, "default", NOTHING | asked, 300)["training"]

    assert chosen(training={"optimizer": "rmsprop"}) == chosen(training={"optimizer": keras.optimizers.SGD()}) == {}
    assert chosen(training={"optimizer": "sgd", "learning_rate": 0.1}) == {}
    assert chosen(training={"optimizer": "sgd"}, model={"hidden": (8,)}) == {}


def test_plain_gradient_descent_learns_with_the_default_network():
    """Without a limit of the gradient, the loss of these rows is not finite after the first epoch."""
    run = regression.train(
        path("diabetes"), target="progression", effort="quick", optimizer="sgd", epochs=4, progress=False
    )
    assert run.settings["training"]["clip_norm"] == 1
    assert "better than guessing" in run.verdict[0]


def test_a_keras_optimizer_trains_one_network(frame):
    own = {"optimizer": keras.optimizers.Adam(0.01), "epochs": 2, "progress": False, "baselines": False}
    run = binary.train(frame[["a", "b", "two"]], target="two", **own)
    assert run.settings["members"] == 1
    assert run.members.empty


def test_without_validation_rows_one_setting_is_trained(frame):
    options = {"epochs": 1, "progress": False, "baselines": False, "validation": 0}
    run = binary.train(frame[["a", "b", "two"]], target="two", **options)
    assert run.result.pack is None
    assert run.settings["members"] == defaults.NETWORKS["default"]


def test_several_networks_are_one_model_that_says_what_each_reaches_alone(frame, tmp_path):
    data = frame[["a", "b", "three"]]
    options = QUICK | {"target": "three", "hidden": (8, 4)}
    run, alone = multiclass.train(data, members=3, **options), multiclass.train(data, **options)
    assert run.settings["members"] == 3
    assert len(run.members) == 3
    assert run.members.loc[0, "accuracy"] == pytest.approx(alone.metrics["accuracy"], abs=0.02)
    assert set(run.members.columns) == set(run.metrics)
    shown = run.summary()["training"]["members"]
    assert shown["count"] == 3
    assert shown["metrics"]["accuracy"]["value"] == run.metrics["accuracy"]
    loaded = toolkit.load(run.save(tmp_path / "three.keras"))
    pd.testing.assert_frame_equal(loaded.members, run.members)
    np.testing.assert_array_equal(loaded.predict_proba(data), run.predict_proba(data))
    assert "3 networks" in run.report(tmp_path / "three.html").read_text()


def test_each_of_several_networks_leaves_out_a_fold_and_together_they_learn_from_all_but_the_test_rows(frame, tmp_path):
    data, options = frame[["a", "b", "number"]], QUICK | {"target": "number", "scaling": "standard"}
    run = regression.train(data, members=3, **options)
    folds, tested = run.dataset.folds, run.dataset.parts["test"]
    assert folds is not None
    assert run.absolute_errors is not None
    known = np.setdiff1d(np.arange(len(data)), tested)
    assert run.settings["training"]["folds"] == FOLDS
    left_out = np.flatnonzero((folds >= 0) & (folds < 3))
    assert len(run.absolute_errors) == len(left_out) < len(known)
    encoded = run.preprocessing.transform(run.dataset.features.frame.iloc[known])
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-5)  # scaled by all that is learned from
    text = run.report(tmp_path / "folds.html").read_text()
    assert f"Train, in {FOLDS} folds" in text
    assert f"left out one of the {FOLDS} folds" in text
    alone = regression.train(data, **options)
    assert alone.settings["training"]["folds"] is None
    assert "best epoch is chosen on the validation part" in alone.report(tmp_path / "alone.html").read_text()


def test_the_options_of_several_settings_are_told_by_their_names(several):
    pack = several.result.pack
    assert list(pack["networks"]) == [4, 4, 4, 4]
    used = [setting for setting, weight in zip(pack["setting"], pack["weight"], strict=True) if weight]
    values = {"dropout 0.15": 0.15, "no dropout": 0.0, "no dropout, other inputs": 0.0, "targets from trees": 0.15}
    told = several.settings["model"]["dropout"]
    assert told == ({name: values[name] for name in used} if len(used) > 1 else values[used[0]])
    assert several.settings["members"] == len(several.members) == 4 * len(used)


def test_networks_that_take_different_inputs_are_one_model(several, tmp_path):
    data = several.dataset.features.frame
    assert several.model.input_shape[1] == several.preprocessing.width > 2
    loaded = toolkit.load(several.save(tmp_path / "run.keras"))
    np.testing.assert_array_equal(loaded.predict(data), several.predict(data))


def test_a_rows_unseen_score_is_the_mean_over_the_networks_that_left_it_out(frame):
    asked = workflow.read_options("quick", {"members": 6}, images=False)
    dataset, _ = workflow.prepare("regression", frame[["a", "b", "number"]], "number", None, 0, asked)
    assert dataset.folds is not None
    # Network k says k of every row; the fifth and the sixth leave out what the first and the second do.
    says = keras.layers.Dense(6, kernel_initializer="zeros")
    members = keras.Sequential([keras.Input((dataset.preprocessing.width,)), says, keras.layers.Reshape((6, 1))])
    says.bias.assign(np.arange(6.0))
    folds = dataset.folds_of("validation")
    assert set(folds) == {0, 1, 2, 3}
    trained = training.Training(members, members, pd.DataFrame(), 1, "", {}, shares=np.full(6, 1 / 6))
    scores = unseen(trained, dataset.x("validation"), folds)
    np.testing.assert_allclose(scores[:, 0], np.array([(0 + 4) / 2, (1 + 5) / 2, 2, 3])[folds])


def test_the_same_seeds_give_the_same_networks(frame):
    data = frame[["a", "b", "two"]]
    first, second = (binary.train(data, target="two", members=2, **(QUICK | {"hidden": (8, 4)})) for _ in range(2))
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("members", [0, -1, 2.5, True, "four"])
def test_a_senseless_number_of_networks_is_refused(frame, members):
    with pytest.raises(DataError, match="whole number of networks"):
        binary.train(frame[["a", "b", "two"]], target="two", members=members, **QUICK)


def test_the_former_name_of_members_still_works_with_a_warning_at_the_users_line(frame):
    options = QUICK | {"target": "two", "epochs": 1}
    with pytest.warns(FutureWarning, match="now called members") as warned:
        run = binary.train(frame[["a", "b", "two"]], seeds=2, **options)
    assert warned[0].filename == __file__
    assert run.settings["members"] == 2
    assert "members=2" in run.settings["call"]
    images = np.random.default_rng(0).random((60, 4, 4)), np.arange(60) % 2
    with pytest.warns(FutureWarning, match="now called members") as warned:
        recipes.images.train(images, build="mlp", hidden=(4,), seeds=1, epochs=1, baselines=False, progress=False)
    assert warned[0].filename == __file__
    with pytest.raises(DataError, match="give members alone"):
        binary.train("no/such.csv", seeds=2, members=2)


def test_the_metric_that_chooses_the_epoch_is_shown_and_turns_off_smoothed_labels(frame, tmp_path):
    chosen = [
        defaults.choose(LOGISTIC, "quick", NOTHING | {"training": training}, 300)["training"].get("label_smoothing")
        for training in ({}, {"metric": "roc_auc"}, {"metric": "log_loss"}, {"metric": "accuracy"})
    ]
    assert chosen == [0.03, None, None, 0.03]
    run = binary.train(frame[["a", "b", "two"]], target="two", members=2, metric="roc_auc", **QUICK)
    assert run.settings["training"]["metric"] == "roc_auc"
    assert "val_roc_auc" in run.history
    assert "chosen by ROC AUC on the validation rows" in run.report(tmp_path / "auc.html").read_text()
    heads = ("logistic", "hinge")
    with pytest.raises(DataError, match="needs probabilities"):
        binary.compare("no/such.csv", target="two", heads=heads, metric="log_loss")
    with pytest.raises(DataError, match="expected one of log_loss, roc_auc"):
        binary.train("no/such.csv", target="two", metric="acc")


def test_several_networks_can_be_compared(frame):
    options = QUICK | {"epochs": 1, "target": "two", "seeds": [3], "members": 2}
    compared = binary.compare(frame[["a", "b", "two"]], heads=("logistic", "hinge"), **options)
    assert compared.seeds == [3]
    assert compared.settings["members"] == 2


def test_every_option_is_declared_once_and_documented():
    declared = [(name, option) for place in options.all_options().values() for name, option in place.items()]
    names = [name for name, _ in declared]
    assert len(set(names)) == len(names)
    assert [name for name, option in declared if not option.about] == []


def test_type_checkers_and_completion_know_the_declared_options():
    tree = ast.parse(inspect.getsource(options))
    (known,) = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == "Options")
    fields = [line for line in known.body if isinstance(line, ast.AnnAssign)]
    written = {ast.unparse(field.target): ast.unparse(field.annotation) for field in fields}
    places = [*options.all_options(cnn).values(), *options.all_options().values()]
    kinds = {name: option.kind.replace("collections.abc.", "") for place in places for name, option in place.items()}
    assert written == kinds


def test_no_notebook_or_terminal_means_a_line_an_epoch(frame, capsys):
    binary.train(frame[["a", "b", "two"]], target="two", **(QUICK | {"progress": True}))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all("left" in line and "val_loss" in line for line in lines)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: binary.train("no/such.csv", target="y"), "no such file"),
        (lambda f: binary.train(f, target="tow"), "Did you mean 'two'"),
        (lambda f: binary.train(f.head(1), target="two"), "1 row"),
        (lambda f: binary.train(f.assign(two=None), target="two"), "missing in all"),
        (lambda f: binary.train(f.assign(two="no"), target="two"), "one class only"),
        (lambda f: binary.train(f, target="three"), "Use multiclass"),
        (lambda f: regression.train(f, target="two"), "regression needs numbers"),
        (lambda f: multilabel.train(f, target=["flag", "three"]), "'three'.*2 in row|'three'.*multilabel needs 0 or 1"),
        (lambda f: binary.train(f[["two"]].assign(c=1), target="two"), "no usable column|constant"),
        (lambda f: binary.train(f.assign(a=f["a"].where(f.index != 2, np.inf)), target="two"), "infinite.*row 3"),
        (lambda f: binary.train(f, target="two", dropuot=0.1), "Did you mean 'dropout'"),
        (lambda f: binary.train(f, target="two", head="softmax"), "not known for binary"),
        (lambda f: binary.train(f, target="two", effort="max"), "quick, default, best"),
        (lambda f: binary.train(f, target="two", class_weight={"maybe": 2}), "'maybe'"),
        (lambda f: regression.train(f, target="number", class_weight="balanced"), "binary and multiclass"),
        (lambda f: regression.train(f.assign(number=f["a"]), target="number", log_target=True), "above 0"),
        (lambda f: binary.train(f), "target"),
        (lambda f: binary.train(f, target="two", test=1.5), "test"),
    ],
)
def test_a_mistake_says_what_and_where(frame, call, message):
    with pytest.raises(DataError, match=message):
        call(frame)


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("test_size", "test"), ("random_state", "seed"), ("n_estimators", "epochs"), ("lr", "learning_rate"),
        ("batchsize", "batch_size"), ("epoch", "epochs"), ("validation_split", "validation"),
        ("val_split", "validation"), ("hidden_layer_sizes", "hidden"), ("learning_rate_init", "learning_rate"),
        ("max_iter", "epochs"), ("early_stopping", "patience"), ("y", "target"), ("label", "target"),
        ("verbose", "progress"), ("optimiser", "optimizer"), ("activation_function", "activation"),
        ("num_epochs", "epochs"), ("n_epochs", "epochs"), ("dropout_rate", "dropout"), ("alpha", "l2"),
        ("hidden_units", "hidden"), ("layers", "hidden"), ("neurons", "hidden"), ("time_budget", "time_limit"),
        ("batchSize", "batch_size"), ("weights", "class_weight' or 'sample_weight"), ("loss", "head"),
        ("heads", "head"), ("Epochs", "epochs"), ("delimiter", "sep"), ("pos_label", "positive"),
        ("preset", "effort"),
    ],
)  # fmt: skip
def test_words_of_other_libraries_lead_to_ours(word, ours):
    with pytest.raises(DataError, match=f"option '{word}' is not known. Use '{ours}'."):
        binary.train("no/such.csv", **{word: 1})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: binary.train("d.csv", efort="quick"), "Did you mean 'effort'"),
        (lambda: binary.train("d.csv", stratify="y"), "stratified by itself"),
        (lambda: binary.train("d.csv", n_jobs=2), "leave it out"),
        (lambda: binary.train("d.csv", features=["a"]), "drop="),
        (lambda: binary.compare("d.csv", head="hinge"), "Use 'heads'"),
        (lambda: binary.compare("d.csv", seed=1), "Use 'seeds'"),
        (lambda: recipes.images.train("d", image_size=8), "Use 'size'"),
        (lambda: recipes.images.compare("d", random_state=8), "Use 'seeds'|Did you mean|Known"),
        (lambda: training.fit(None, LOGISTIC, np.zeros((2, 1)), np.zeros(2), lr=8), "Use 'learning_rate'"),
    ],
)
def test_an_unknown_option_says_what_to_type(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_the_words_of_other_libraries_are_names_of_none_of_our_options_and_lead_to_existing_ones():
    builders = options.all_options().values(), options.all_options(cnn).values()
    declared = {name for places in builders for place in places for name in place}
    recipes_own = {*options_of(recipes.images.train), *options_of(binary.train), *options_of(binary.compare), "save"}
    assert set(FOREIGN_NAMES) <= declared | recipes_own
    assert [word for words in FOREIGN_NAMES.values() for word in words.split() if word in declared] == []


@pytest.mark.parametrize("function", [binary.train, binary.compare, recipes.images.train])
@pytest.mark.parametrize(
    ("report", "message"),
    [
        (True, "report=True: expected the name of a file"),
        ("r.pdf", "ends in .html"),
        (".", "is a folder"),
        ("", "expected the name of a file"),
        ("/proc/nope/r.html", "can't be written"),
    ],
)
def test_a_report_that_can_not_be_written_is_refused_before_the_data_are_read(function, report, message):
    with pytest.raises(DataError, match=message):
        function("no/such.csv", target="y", report=report)


def test_a_report_that_fails_after_the_training_does_not_lose_the_run(frame, tmp_path):
    path = tmp_path / "r.html"

    class Vandal(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            path.mkdir(exist_ok=True)

    with pytest.warns(UserWarning, match=r"The report is missing: .*folder.*\.report\(path\)"):
        run = binary.train(frame[["a", "b", "two"]], target="two", report=path, callbacks=[Vandal()], **QUICK)
    assert len(run.predict(frame)) == len(frame)


def test_what_happened_to_the_data_is_the_same_list_in_the_run_the_saved_file_the_report_and_the_comparison(
    frame, tmp_path, capsys
):
    data = frame[["b", "two"]].assign(unit="cm", copy=np.where(frame["two"] == "yes", "Y", "N"))
    data["two"] = data["two"].where(data.index % 10 != 0)
    run = binary.train(data, target="two", **QUICK)
    assert run.notes[0].startswith("Suspected leak: 'copy'")
    assert run.notes[1] == "'unit' is not used: constant: every row holds cm."
    assert any("12 rows" in note for note in run.notes[2:]), "rows without a target"
    assert run.summary()["data"]["notes"] == run.notes
    listed = Page(run.report(tmp_path / "r.html").read_text()).all("li")
    assert [item["text"] for item in listed if item["text"] in run.notes] == run.notes
    assert toolkit.load(run.save(tmp_path / "r.keras")).notes == run.notes
    compared = binary.compare(data, target="two", heads=("logistic", "hinge"), seeds=1, **QUICK)
    *notes, departure = run.notes  # a comparison trains no default network either
    assert departure == "hidden= leaves the default network: one network was trained, with the defaults of mlp."
    assert compared.notes == notes
    assert compared.summary()["terms"]["notes"] == notes
    assert capsys.readouterr().out == "", "in Python nothing is printed"


def test_an_empty_file_and_a_header_alone_say_so(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"empty\.csv is empty"):
        binary.train(tmp_path / "empty.csv", target="b")
    with pytest.raises(DataError, match="column names only"):
        binary.train(tmp_path / "header.csv", target="b")


def test_the_samples_are_learned_better_than_by_guessing(runs):
    for run in runs.values():
        assert "better than guessing" in run.verdict[0]


def test_a_path_as_text_works_like_a_path_object():
    assert str(path("wine")).endswith("wine.csv")


def test_ctrl_c_returns_the_run_and_says_what_it_lacks(frame, ctrl_c):
    stopper = keras.callbacks.LambdaCallback(on_train_end=lambda logs: signal.raise_signal(signal.SIGINT))
    with pytest.warns(RuntimeWarning, match="Interrupted by hand after training: all 3 epochs were run"):
        run = regression.train(frame, target="number", **QUICK | {"baselines": True, "callbacks": [stopper]})
    assert list(run.baselines) == ["dummy"]
    assert run.notes[0] == "Interrupted by hand: these baselines were not fitted: linear, tree."
    with pytest.warns(RuntimeWarning, match="Training was interrupted by hand after epoch 2 of 3"):
        run = regression.train(frame, target="number", **QUICK | {"callbacks": [PressesCtrlC(2)]})
    assert run.stopped == "interrupted by hand after epoch 2 of 3"
    assert run.notes[0].startswith("Training was interrupted by hand after epoch 2 of 3: the network has the weights")
    assert len(run.history) == 2


@pytest.mark.parametrize("rows", [600, 3_400])
def test_some_networks_take_the_pieces_of_numbers_where_the_others_do_not(rows):
    x, y = make_friedman1(rows, n_features=5, random_state=0)
    asked = workflow.read_options("default", {}, images=False)
    dataset, _ = workflow.prepare("regression", (x[:, :2], y), None, None, 0, asked)
    head = get_head("regression", "squared")
    pack = networks.build_pack(asked, dataset, head, asked.chosen(head, dataset), 0)
    widths = [setting.models[0].input_shape[1] for setting in pack]
    assert widths[2] != widths[0] == widths[1]
    assert min(widths) == 2, "the numbers alone"
    assert max(widths) == dataset.preprocessing.width
    one_setting = workflow.read_options("default", {"members": 1}, images=False)
    alone, _ = workflow.prepare("regression", (x[:, :2], y), None, None, 0, one_setting)
    assert alone.preprocessing.width == widths[0]


def _pack_of(task, frame, target, head=None, **options):
    asked = workflow.read_options("default", options, images=False)
    dataset, _ = workflow.prepare(task, frame, target, None, 0, asked)
    head = get_head(task, head or DEFAULT_HEADS[task])
    return dataset, networks.build_pack(asked, dataset, head, asked.chosen(head, dataset), 0)


def test_some_networks_learn_in_part_what_trees_predict_where_the_loss_takes_numbers():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 6, 400), "b": rng.integers(0, 6, 400)}).astype(str)
    frame["y"] = np.where(frame["a"] < frame["b"], "low", "high")
    dataset, pack = _pack_of("binary", frame, "y")
    (soft,) = (setting.soft_targets for setting in pack if setting.soft_targets is not None)
    targets, y = soft(np.inf), dataset.y("train")
    assert targets.shape == (len(y), 4, 1)
    wrong = np.abs(targets - y[:, None]) > 0.5
    assert np.abs(targets - y[:, None]).mean() > 0
    assert wrong.mean() < 0.2
    for given in ({"head": "hinge"}, {"time": "when"}):
        if "time" in given:
            frame = frame.assign(when=pd.date_range("2020-01-01", periods=400).astype(str), number=rng.normal(size=400))
        _, without = _pack_of("binary", frame, "y", **given)
        assert not any(setting.soft_targets for setting in without), given


def test_the_notes_say_what_the_time_limit_left_out(frame):
    run = regression.train(
        frame[["a", "b", "number"]], target="number", time_limit=1e-3, progress=False, baselines=False
    )
    assert run.notes[0].startswith("Training ended early: the time limit of 0.001 s after epoch 1 of 64; not trained: ")
