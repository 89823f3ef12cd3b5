"""What a saved file and a report without rows tell of single persons: nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import binary, multiclass, multilabel, regression
from tests.helpers.single_cells import leaked, single_cells, text_of_files
from toolkit.data.column_preprocessing import NumberPreprocessing
from toolkit.data.prepare import prepare

FAST = {"effort": "quick", "epochs": 1, "progress": False, "baselines": False}
TARGETS = ("income", "label", "kind", "tags")
KEPT = ["name", "mail", "remark", "badge", "once"]


@pytest.fixture(scope="module")
def table():
    return single_cells()


def feature_table(table, target):
    return table.drop(columns=[name for name in TARGETS if name != target])


def leaks_of(run, folder, table):
    """Return the cells of single rows in a saved run, the same saved again, and its page and JSON without rows."""
    saved = run.save(folder / "run.keras")
    again = toolkit.load(saved).save(folder / "again.keras")
    page = run.report(folder / "run.html", rows=False)
    return leaked(text_of_files(saved, again, page, page.with_suffix(".json")), table)


@pytest.mark.parametrize(
    ("recipe", "target", "options"),
    [
        (regression, "income", {"sample_weight": "weight", "pieces": 20, "rare": None}),
        (binary, "label", {"keep": KEPT, "group": "family", "scaling": "robust", "pieces": 200}),
        (multilabel, "tags", {"categories": ["badge", "seen"], "time": "born", "keep": "born"}),
    ],
)
def test_no_cell_of_a_single_row_is_in_a_saved_run_or_in_a_report_without_rows(
    recipe, target, options, table, tmp_path
):
    run = recipe.train(feature_table(table, target), target=target, **FAST, **options)
    assert leaks_of(run, tmp_path, table) == []
    assert leaked("\n".join(run.notes), table), "the notes in memory quote cells, so that the user can check them"


def test_neither_are_cells_of_test_rows_of_their_own_nor_those_of_a_text_file(table, tmp_path):
    rows = feature_table(table, "kind")
    rows["price"] = rows["price"].str.replace("ask Qwilbur", "1.200.000,00 €")
    rows["amount"] = rows["amount"].astype(object)
    rows.loc[[3, 230], "amount"] = ["approx. 'Qlaus'", 'about "Qmaria"']
    rows.iloc[:200].to_csv(tmp_path / "rows.csv", index=False, sep=";")
    with (tmp_path / "rows.csv").open("a") as file:
        file.write(f"Source: Qquentin{';' * (rows.shape[1] - 1)}\n")
    rows.iloc[200:].to_csv(tmp_path / "test.csv", index=False, sep=";")
    run = multiclass.train(
        tmp_path / "rows.csv", target="kind", test=tmp_path / "test.csv", keep=KEPT, scaling="mean", **FAST
    )
    further = pd.DataFrame({"name": ["Qlaus", "Qmaria", "Qquentin"]})
    assert sorted(leaked("\n".join(run.notes), further)) == ["name: Qlaus", "name: Qmaria", "name: Qquentin"]
    assert leaks_of(run, tmp_path, rows) == leaks_of(run, tmp_path, further) == []
    saved = toolkit.load(tmp_path / "run.keras").notes
    assert "'…' in row 4" in "\n".join(saved)
    assert any(note.startswith("'price' is text that holds numbers") for note in saved)


def test_a_comparison_without_rows_holds_no_cell_of_a_single_row(table, tmp_path):
    rows = feature_table(table, "income")
    comparison = regression.compare(rows, target="income", heads=("squared", "huber"), seeds=1, keep="name", **FAST)
    page = comparison.report(tmp_path / "page.html", rows=False)
    assert leaked(text_of_files(page, page.with_suffix(".json")), table) == []


def test_neither_are_names_of_picture_files(shapes, image_run, tmp_path):
    assert "broken.jpg" in "\n".join(image_run.notes)
    saved, page = image_run.save(tmp_path / "run.keras"), image_run.report(tmp_path / "run.html", rows=False)
    names = pd.DataFrame({"file": [path.name for path in shapes.glob("*/*")]})
    assert leaked(text_of_files(saved, page, page.with_suffix(".json")), names) == []


def test_numbers_that_many_rows_have_are_kept_exactly_and_those_of_few_rows_near():
    rng = np.random.default_rng(0)
    months = np.array([202_401, 202_402, 202_405, 202_407, 202_507])
    learned = NumberPreprocessing.fit(rng.choice(months, 300).astype(float), "smooth", pieces=8, rare=2)
    assert learned.edges == tuple(months)
    values = rng.normal(1e6, 2e5, 900)
    edges = np.array(NumberPreprocessing.fit(values, "smooth", pieces=16, rare=2).edges)
    exact = np.array(NumberPreprocessing.fit(values, "smooth", pieces=16, rare=1).edges)
    assert not np.isin(edges, values).any()
    assert np.isin(exact, values).all()
    assert (np.abs(edges[1:-1] - exact[1:-1]) < 0.1 * np.minimum(np.diff(exact)[:-1], np.diff(exact)[1:])).all()


def test_dates_are_told_by_months_and_counted_all():
    dates = pd.date_range("1999-02-03", "2031-05-06", 700)
    frame = pd.DataFrame({"born": dates, "size": np.arange(700) % 7})
    born = prepare(frame, "size", task="regression").describe()["columns"][0]
    assert [born["all"][name] for name in ("min", "median", "max")] == ["1998-01", "2014-01", "2030-01"]
    assert sum(born["all"]["counts"]) == 700
    assert len(born["edges"]) == len(born["all"]["counts"]) + 1
