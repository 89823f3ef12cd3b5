"""Training on a cluster: what is passed on to the workers, and what comes back."""

import pickle

import numpy as np
import pandas as pd
import pytest

from recipes import binary
from recipes.workflow.distributed import train_on_cluster
from recipes.workflow.worker import train_as_worker
from toolkit import DataError
from toolkit.distributed.options import WorkersOptions


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    frame["y"] = np.where(frame["a"] + 0.3 * rng.normal(size=300) > 0, "yes", "no")
    frame.to_parquet(tmp_path / "table.parquet", row_group_size=50)
    return tmp_path / "table.parquet"


def arguments(data, **options):
    options = {"hidden": (4,), "epochs": 2, "progress": False, "baselines": False, **options}
    call = {"task": "binary", "data": data, "target": "y", "test": None, "head": "logistic", "effort": "quick"}
    return {**call, "seed": 0, "report": "page.html", "options": options, "call": {}, "classes": None}


def test_the_run_of_the_first_worker_comes_back(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    passed_on = {}

    def one_worker(function, content, world, address):
        passed_on.update(pickle.loads(content), function=function, world=world, address=address)
        return train_as_worker(content)

    options = {"workers": 3, "cluster": "ray://head:10001", "resume": "state"}
    run = train_on_cluster(
        arguments("table.parquet", **options), WorkersOptions(workers=3, cluster="ray://head:10001"), one_worker
    )
    alone = binary.train(table, target="y", effort="quick", hidden=(4,), epochs=2, progress=False, baselines=False)
    for weights, expected in zip(run.model.get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    # Other machines have other working folders, and start no workers in turn.
    assert passed_on["data"] == str(table)
    assert passed_on["options"]["resume"] == str(table.parent / "state")
    assert not {"workers", "cluster"} & set(passed_on["options"])
    assert passed_on["report"] is None
    assert (passed_on["world"], passed_on["address"]) == (3, "ray://head:10001")
    assert passed_on["function"] == "recipes.workflow.worker.train_as_worker"


def test_a_cluster_needs_files_and_a_number_of_workers(table):
    with pytest.raises(DataError, match="data is a DataFrame"):
        binary.train(pd.read_parquet(table), target="y", workers=2, cluster="local")
    with pytest.raises(DataError, match="cluster='local' needs workers="):
        binary.train(table, target="y", cluster="local")
    for cluster in ("", " ", 7):
        with pytest.raises(DataError, match="expected the address of a Ray cluster"):
            binary.train(table, target="y", workers=2, cluster=cluster)


def test_comparisons_refuse_workers_and_clusters_before_reading(table):
    for function in (binary.compare, binary.cross_validate):
        with pytest.raises(DataError, match="workers= is for train"):
            function(table, target="y", workers=2)
        with pytest.raises(DataError, match="workers= is for train"):
            function("nowhere.parquet", target="y", workers=2, cluster="local")


def test_a_function_of_the_script_can_t_be_passed_on(table):
    with pytest.raises(DataError, match="workers= can't pass on"):
        binary.train(table, target="y", workers=2, cluster="local", build=lambda inputs, units: None)
