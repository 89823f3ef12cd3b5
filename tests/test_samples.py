"""The sample tables: their files, their cards, and what can be learned from them."""

from __future__ import annotations

import csv
import importlib.util
import re
import subprocess
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import hamming_loss
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from recipes import samples
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def make_samples(root) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", root / "data" / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_makes_the_same_bytes_again(make_samples, root, tmp_path):
    make_samples.main(tmp_path)
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    committed = {file.name: file.read_bytes() for file in (root / "data").glob("*.csv")}
    assert written.keys() == committed.keys()
    assert [name for name in written if written[name] != committed[name]] == []


def test_there_is_one_sample_for_each_task():
    assert [s.task for s in samples.SAMPLES.values()] == ["regression", "binary", "multiclass", "multilabel"]


def test_the_samples_are_small(root):
    assert sum(file.stat().st_size for file in (root / "data").glob("*.csv")) < 300_000


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_sample_has_its_targets_and_none_is_missing(name):
    frame = pd.read_csv(samples.path(name))
    target = samples.SAMPLES[name].target
    columns = [target] if isinstance(target, str) else target
    assert not frame[columns].isna().to_numpy().any()
    assert not frame.duplicated().any()


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_card_states_the_number_of_rows_and_columns(name, root):
    with samples.path(name).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    target = samples.SAMPLES[name].target
    features = len(header) - (1 if isinstance(target, str) else len(target))
    cards = (root / "data" / "CARDS.md").read_text(encoding="utf-8")
    card = re.search(rf"^## {samples.SAMPLES[name].file}$(.*?)(?=^## |\Z)", cards, re.MULTILINE | re.DOTALL)
    assert card is not None
    assert f"| rows | {len(rows):,} |" in card[1]
    assert f"| columns | {features} and the target" in card[1]
    for word in ("| target |", "| origin |", "| license |"):
        assert word in card[1]


def test_an_unknown_sample_is_an_error_that_names_the_nearest():
    with pytest.raises(
        DataError, match=r"'vine' is not a sample; expected one of diabetes, .*\. Did you mean 'wine'\?"
    ):
        samples.path("vine")


def test_asking_for_a_sample_imports_nothing_heavy():
    code = "import sys; from recipes import samples; samples.path('wine'); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "pandas", "sklearn", "keras", "tensorflow"}.isdisjoint(modules)


@pytest.fixture(scope="module")
def scenes() -> pd.DataFrame:
    return pd.read_csv(samples.path("street_scenes"), parse_dates=["date"])


def test_every_combination_of_labels_occurs_in_the_street_scenes(scenes):
    counts = scenes.groupby(samples.SAMPLES["street_scenes"].target).size()
    assert len(counts) == 8
    assert counts.min() >= 50


def test_some_cells_of_the_street_scenes_are_missing_but_less_than_a_tenth_of_any_column(scenes):
    missing = scenes.isna().mean()
    assert (missing > 0).sum() >= 5
    assert missing.max() < 0.1


def test_labels_of_the_street_scenes_depend_on_each_other(scenes):
    """Waiting passengers: with a bus at a near stop, people are seen more often than without one."""
    near = scenes[scenes["stop_distance"] < 250]
    seen = near.groupby("bus")["pedestrian"].mean()
    assert seen[1] > seen[0] + 0.2


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
def test_a_linear_model_is_clearly_worse_than_a_network_or_trees_on_the_street_scenes(scenes):
    """The numbers on the card."""
    labels = scenes[samples.SAMPLES["street_scenes"].target].to_numpy()
    features = scenes.drop(columns=["car", "bus", "pedestrian", "date"])
    words = ["weekday", "weather", "road", "district", "bus_lane"]
    features[words] = features[words].fillna("unknown")
    numbers = [name for name in features if name not in words]
    encode = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(sparse_output=False), words),
        sparse_threshold=0,
    )
    train, test = train_test_split(np.arange(len(scenes)), test_size=0.3, random_state=0)
    x = encode.fit(features.iloc[train]).transform(features)

    def loss(model) -> float:
        return float(hamming_loss(labels[test], model.fit(x[train], labels[train]).predict(x[test])))

    linear = loss(MultiOutputClassifier(LogisticRegression(max_iter=1000)))
    network = loss(MLPClassifier((256, 256, 256), alpha=0.1, max_iter=20, random_state=0))
    trees = loss(MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=60)))
    assert network < 0.9 * linear
    assert trees < 0.8 * linear
    assert min(network, trees) > 0.1  # there is noise: no model is always right
