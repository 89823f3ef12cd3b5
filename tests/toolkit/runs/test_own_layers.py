"""Functional models and layers of the user's own: built, trained, saved by name and loaded."""

import json
import re

import keras
import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import multiclass
from recipes.samples import path
from tests.soak.hostile import CONFIG, pack, unpack
from toolkit import DataError, Head
from toolkit.runs import archive
from toolkit.training.scoring import is_plain, structure

layers = keras.layers


class Residual(layers.Layer):
    """A layer with layers in it."""

    def __init__(self, width, **options):
        super().__init__(**options)
        self.width = width
        self.first, self.rest = layers.Dense(width, "relu"), [layers.Dense(width), layers.Dense(width)]

    def call(self, x):
        return x + self.rest[1](self.rest[0](self.first(x)))

    def get_config(self):
        return super().get_config() | {"width": self.width}


class Scale(layers.Layer):
    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor = factor

    def build(self, shape):
        self.by_column = self.add_weight(shape=(shape[-1],), initializer="ones", name="by_column")

    def call(self, x):
        return x * self.by_column * self.factor


def half_tanh(x):
    return 0.5 * keras.ops.tanh(x)


OWN = {"Residual": Residual, "Scale": Scale, "half_tanh": half_tanh}


def with_skip(inputs, units):
    source = keras.Input((inputs,))
    hidden = layers.Dense(8, "relu")(source)
    shared = layers.Dense(8)  # called twice
    both = layers.Add()([shared(hidden), shared(shared(hidden))]) + hidden * 0.5 - keras.ops.maximum(hidden, 0.1)
    return keras.Model(source, layers.Dense(units)(layers.Concatenate()([both, source])), name="skip")


def wide_and_deep(inputs, units):
    source = keras.Input((inputs,))
    return keras.Model([source], [layers.Dense(units)(layers.Dense(8, "relu")(source)) + layers.Dense(units)(source)])


def own_layers(inputs, units):
    source = keras.Input((inputs,))
    hidden = Residual(6)(Scale()(layers.Dense(6, half_tanh)(source)))
    return keras.Model(source, layers.Dense(units)(Residual(6)(hidden) + hidden))


@pytest.fixture(scope="module")
def wine():
    return pd.read_csv(path("wine"))


def _train(table, build, **options):
    quick = {"epochs": 2, "progress": False, "baselines": False, **options}
    return multiclass.train(table, target="grower", build=build, **quick)


def test_a_functional_model_is_rebuilt_as_keras_does(tmp_path):
    model = with_skip(5, 2)
    model.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in model.get_weights()])
    file = archive.write(tmp_path / "skip.keras", model, {"schema": 1})
    rebuilt, _ = archive.read(file)
    x = np.random.default_rng(1).normal(size=(9, 5)).astype("float32")
    np.testing.assert_array_equal(rebuilt(x), keras.models.load_model(file)(x))
    np.testing.assert_array_equal(rebuilt(x), model(x))
    assert (rebuilt.name, rebuilt.input_shape, len(rebuilt.layers)) == ("skip", (None, 5), len(model.layers))


@pytest.mark.parametrize("build", [wide_and_deep, own_layers])
def test_a_network_of_ones_own_is_trained_saved_and_loaded(wine, build, tmp_path):
    run = _train(wine, build)
    assert run.model.count_params() == build(run.model.input_shape[1], 3).count_params()
    file = run.save(tmp_path / "own.keras")
    if build is own_layers:
        hint = "custom_objects={'Residual': Residual, 'Scale': Scale, 'half_tanh': half_tanh}"
        with pytest.raises(DataError, match=re.escape(hint)):
            toolkit.load(file)
        with pytest.raises(DataError, match=re.escape("{'Scale': Scale, 'half_tanh': half_tanh}")):
            toolkit.load(file, custom_objects={"Residual": Residual})
    loaded = toolkit.load(file, custom_objects=OWN if build is own_layers else None)
    pd.testing.assert_frame_equal(loaded.predict_proba(wine), run.predict_proba(wine))
    before = [weights.copy() for weights in loaded.model.get_weights()]
    loaded.update(wine.head(8))
    assert not any(map(np.array_equal, before, loaded.model.get_weights()))
    again = toolkit.load(loaded.save(tmp_path / "again.keras"), custom_objects=OWN)
    np.testing.assert_array_equal(again.decision_function(wine), loaded.decision_function(wine))


def test_a_layer_whose_settings_do_not_make_it_again_is_not_saved(tmp_path):
    class NoConfig(Scale):
        def __init__(self, factor):
            super().__init__(factor)

    class Forgets(Scale):
        def get_config(self):
            return layers.Layer.get_config(self) | {"factor": 1.0}

    for layer in (NoConfig(2.0), Forgets(2.0)):
        model = keras.Sequential([keras.Input((3,)), layer, layers.Dense(1)])
        with pytest.raises(DataError, match=rf"{type(layer).__name__} can't be made again from what get_config says"):
            archive.write(tmp_path / "forgetful.keras", model, {})
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [3, "Scale", keras.Model, keras.Sequential])
def test_custom_objects_are_layers_and_functions(tmp_path, value):
    file = archive.write(tmp_path / "skip.keras", with_skip(2, 1), {})
    with pytest.raises(DataError, match="expected the class of a layer, or a function"):
        archive.read(file, {"Scale": value})


def _of(entry, node, source="input"):
    """Let an entry of a functional model take what another gives."""
    entry["inbound_nodes"][0]["args"] = [{"class_name": "__keras_tensor__", "config": {"keras_history": node}}]


_HOSTILE = {
    "a circle": lambda layers: _of(layers["first"], ["second", 0, 0]),
    "what no layer gives": lambda layers: _of(layers["first"], ["missing", 0, 0]),
    "a call that there is not": lambda layers: _of(layers["first"], ["input", 7, 0]),
    "another output": lambda layers: _of(layers["first"], ["input", 0, 1]),
    "a number for a name": lambda layers: _of(layers["first"], [0, 0, 0]),
    "no connection": lambda layers: layers["first"].update(inbound_nodes=[]),
    "a thousand calls": lambda layers: layers["first"].update(inbound_nodes=layers["first"]["inbound_nodes"] * 1_000),
    "an argument": lambda layers: layers["first"]["inbound_nodes"][0]["kwargs"].update(training=True),
    "a function": lambda layers: layers["add"].update(class_name="Map", registered_name="Map"),
    "an operation elsewhere": lambda layers: layers["add"].update(module="os"),
    "code": lambda layers: layers["first"].update(class_name="Lambda"),
    "a package": lambda layers: layers["first"].update(module="os", class_name="system"),
    "one's own name in a package": lambda layers: layers["first"]["config"].update(
        activation={"module": "os", "class_name": "system", "config": "half_tanh", "registered_name": "system"}
    ),
    "a width": lambda layers: layers["second"]["config"].update(units=10**9),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_connections_are_refused(tmp_path, name):
    source = keras.Input((4,), name="input")
    first = layers.Dense(4, name="first")(source)
    second = layers.Dense(4, name="second")(first)
    added = keras.ops.add(first, second)
    model = keras.Model(source, layers.Dense(1, name="scores")(added))
    members = unpack(archive.write(tmp_path / "good.keras", model, {"custom_objects": []}).read_bytes())
    config = json.loads(members[CONFIG])
    by_name = {entry["name"].partition("_")[0]: entry for entry in config["config"]["layers"]}
    _HOSTILE[name](by_name)
    file = tmp_path / "hostile.keras"
    file.write_bytes(pack(members | {CONFIG: json.dumps(config).encode()}))
    with pytest.raises(DataError, match=r"hostile\.keras is (not loaded|damaged)"):
        archive.read(file, OWN)


def test_an_ordinal_head_needs_a_single_last_layer(wine):
    table = wine.assign(grower=wine["grower"].astype("category").cat.codes)
    with pytest.raises(DataError, match="needs a last layer with a bias"):
        _train(table, wide_and_deep, head="ordinal")
    assert _train(table, with_skip, head="ordinal").model.output_shape == (None, 2)


def _two_outputs(inputs, units):
    source = keras.Input((inputs,))
    return keras.Model(source, [layers.Dense(units)(source), layers.Dense(units)(source)])


def _bent(inputs, units):
    source = keras.Input((inputs,))
    return keras.Model(source, layers.Dense(units)(source) + layers.Dense(units, "relu")(source))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_two_outputs, "returned Functional with 1 inputs and 2 outputs"),
        (_bent, "ends in Add; the last layer must be a dense one without activation, or a sum of such"),
        (lambda inputs, units: layers.Dense(units), "returned Dense; expected a keras.Sequential, or a functional"),
    ],
)
def test_a_network_that_gives_no_scores_is_refused(wine, build, message):
    with pytest.raises(DataError, match=message):
        _train(wine, build)


def test_the_structure_of_a_functional_model_is_its_connections_not_its_names():
    def chain(order):
        source = keras.Input((4,))
        parts = [layers.Dense(4, "tanh"), layers.Dense(4, "relu")]
        last = parts[order[1]](parts[order[0]](source))
        return keras.Model(source, layers.Dense(1)(last + parts[0].output))

    same, again, other = chain((0, 1)), chain((0, 1)), chain((1, 0))
    assert structure(same) == structure(again) != structure(other)
    nested = keras.Sequential([keras.Input((4,)), keras.Sequential([layers.Dense(4)]), layers.Dense(1)])
    assert is_plain(same)
    assert not is_plain(nested)
    assert not is_plain(keras.Sequential([keras.Input((4,)), layers.Lambda(half_tanh), layers.Dense(1)]))


def test_a_head_of_ones_own_is_asked_for(wine, tmp_path):
    head = Head("my_loss", "multiclass", lambda: keras.losses.SparseCategoricalCrossentropy(True), "softmax", "mine")
    file = _train(wine, "linear", head=head).save(tmp_path / "head.keras")
    with pytest.raises(DataError, match=r"a head of your own, 'my_loss'.*toolkit\.load\(path, head=\.\.\.\)"):
        toolkit.load(file)
    assert toolkit.load(file, head=head).head is head
