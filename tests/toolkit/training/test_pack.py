"""Networks of several settings, weighed by what they answer on rows that they have not learned from."""

from __future__ import annotations

import dataclasses
import signal
from typing import Any

import keras
import numpy as np
import pytest

from toolkit import training
from toolkit.builders import mlp
from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.heads import get_head
from toolkit.training import pack, weighing
from toolkit.training.fitting import unseen
from toolkit.training.scoring import Scorer
from toolkit.training.side_by_side import join, separate

ROWS = 400
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 6)).astype("float32")
FOLDS = np.arange(ROWS) % 4
NUMBER = np.abs(X[:, :1]) - X[:, 1:2] * X[:, 2:3]
CLASS = (NUMBER[:, 0] > 0.3).astype("float32") + (NUMBER[:, 0] > 1)
SQUARED, SOFTMAX = get_head("regression", "squared"), get_head("multiclass", "softmax")


@pytest.fixture
def equal_weights(monkeypatch):
    monkeypatch.setattr(pack, "greedy_weights", lambda answers, _, max_answers: np.full(len(answers), 1 / len(answers)))


def _setting(name, first_seed, inputs=None, *, units=1, epochs=6, **options):
    width = 6 if inputs is None else int(inputs.sum())
    models = [mlp(width, units, hidden=(16, 8), seed=first_seed + k, **options) for k in range(4)]
    return training.Setting(name, models, {"epochs": epochs, "learning_rate": 0.01}, inputs)


def _fit(settings, head=SQUARED, y=NUMBER, **options) -> Any:
    return training.fit_pack(settings, head, X, y, **({"folds": FOLDS} | options), progress=False)


@pytest.mark.parametrize("activation", ["mish", "relu"])
@pytest.mark.parametrize("feature_scale", [False, True])
def test_one_sequential_answers_with_the_weighted_mean_of_the_networks(activation, feature_scale):
    settings = [_setting(f"{rate}", k, activation=activation, dropout=rate) for k, rate in ((0, 0.0), (4, 0.3))]
    trained = _fit(settings, feature_scale=feature_scale)
    assert type(trained.model) is keras.Sequential
    assert all(type(layer).__module__.startswith("keras.") for layer in trained.model.layers)
    scores = Scorer(trained.members)(X)
    assert scores.shape == (ROWS, len(trained.shares), 1)
    np.testing.assert_allclose(np.einsum("nmu,m->nu", scores, trained.shares), trained.model(X), atol=1e-5)
    assert trained.shares.sum() == pytest.approx(1)
    assert trained.pack["weight"].sum() == pytest.approx(1)


def test_networks_of_two_settings_answer_as_each_setting_alone():
    rates = (0.0, 0.1)
    alone = []
    for number, rate in enumerate(rates):
        setting = _setting("alone", 4 * number, dropout=rate)
        options = {**setting.options, "folds": FOLDS, "progress": False}
        alone.append(training.fit(setting.models, SQUARED, X, NUMBER, **options))
    trained = _fit([_setting(f"{rate}", 4 * number, dropout=rate) for number, rate in enumerate(rates)])
    expected = sum(w * np.asarray(one.model(X)) for w, one in zip(trained.pack["weight"], alone, strict=True))
    np.testing.assert_allclose(trained.model(X), expected, atol=1e-5)


def test_a_setting_that_does_worse_on_unseen_rows_is_left_out():
    trained = _fit([_setting("long", 0, epochs=30), _setting("one epoch", 4, epochs=1)])
    long, one = trained.pack.itertuples(index=False)
    assert long.unseen_loss < one.unseen_loss / 2
    assert (long.weight, one.weight) == (1, 0)
    assert trained.members.output_shape == (None, 4, 1)
    assert len(trained.history) == 30


@pytest.mark.usefixtures("equal_weights")
def test_the_losses_are_those_of_rows_that_the_networks_left_out():
    trained = _fit([_setting("a", 0, epochs=8), _setting("b", 4, epochs=8)])
    scores = Scorer(trained.members)(X)
    for number, row in trained.pack.iterrows():
        own = scores[:, 4 * number : 4 * number + 4]
        error = own[np.arange(ROWS), FOLDS] - NUMBER
        assert row["unseen_loss"] == pytest.approx(np.mean(error**2), rel=1e-4)
    expected = 4 * np.einsum("nmu,nm->nu", scores, training.held_out(FOLDS, 8) * trained.shares)
    np.testing.assert_allclose(unseen(trained, X, FOLDS), expected, atol=1e-5)


@pytest.mark.usefixtures("equal_weights")
def test_scores_that_smoothed_labels_keep_small_are_scaled_before_they_are_weighed():
    plain = _setting("plain", 0, units=3, epochs=20)
    smoothed = _setting("smoothed", 0, units=3, epochs=20)
    smoothed = training.Setting("smoothed", smoothed.models, {**smoothed.options, "label_smoothing": 0.4})
    trained = _fit([plain, smoothed], SOFTMAX, CLASS)
    one, other = trained.pack["unseen_loss"]
    assert other == pytest.approx(one, rel=0.2)
    shares = trained.shares.reshape(2, 4).sum(axis=1) / trained.pack["weight"]
    assert shares[1] > 1.5 * shares[0]


def test_callbacks_see_the_training_of_each_setting_from_its_begin_to_its_end(tmp_path):
    hooks: list[str] = []
    watch = keras.callbacks.LambdaCallback(
        on_train_begin=lambda _: hooks.append("begin"), on_train_end=lambda _: hooks.append("end")
    )
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv", append=True)
    _fit([_setting("a", 0, epochs=3), _setting("b", 4, epochs=2)], callbacks=[watch, log])
    assert hooks == ["begin", "end"] * 2
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2", "0", "1"]


def test_what_an_earlier_call_trained_counts_for_all_settings(tmp_path):
    def fit():
        settings = [_setting("a", 0, epochs=3), _setting("b", 4, epochs=30)]
        folders = [{**setting.options, "resume": tmp_path / setting.name} for setting in settings]
        return _fit([dataclasses.replace(s, options=options) for s, options in zip(settings, folders, strict=True)])

    first, again = fit(), fit()
    assert (first.resumed_seconds, first.settings["resume"]) == (0, f"{tmp_path / 'a'}; {tmp_path / 'b'}")
    assert again.resumed_seconds > again.history["seconds"].sum()
    assert again.settings["resume"].startswith(f"{tmp_path / 'a'}, resumed after epoch 3; {tmp_path / 'b'}, resumed ")


@pytest.mark.usefixtures("equal_weights")
def test_networks_may_take_some_of_the_inputs():
    some = np.array([True, True, True, False, False, False])
    trained = _fit([_setting("all", 0), _setting("three", 4, some)])
    kernel = trained.model.layers[0].get_weights()[0]
    assert kernel.shape == (6, 8 * 16)
    assert not kernel[3:, 4 * 16 :].any()
    assert kernel[3:, : 4 * 16].all()


@pytest.mark.parametrize(
    ("metric", "expected"), [("mae", lambda e: np.abs(e).mean()), ("r2", lambda e: np.mean(e**2) / NUMBER.var() - 1)]
)
def test_a_metric_chooses_the_weights(monkeypatch, metric, expected):
    def greedy(answers, judge, max_answers):
        for answer in answers:
            assert judge(answer) == pytest.approx(expected(answer - NUMBER), rel=1e-4)
        return np.array([1.0, 0.0])

    monkeypatch.setattr(pack, "greedy_weights", greedy)
    trained = _fit([_setting("a", 0), _setting("b", 4)], metric=metric)
    assert list(trained.pack["weight"]) == [1, 0]


def test_rows_that_all_networks_leave_out_weigh_the_settings():
    validation = X[300:], NUMBER[300:], np.ones(100)
    settings = [_setting("a", 0), _setting("b", 4)]
    trained: Any = training.fit_pack(settings, SQUARED, X[:300], NUMBER[:300], validation=validation, progress=False)
    scores = np.asarray(trained.model(X[300:]))
    heaviest = trained.pack["unseen_loss"].min()
    assert np.mean((scores - NUMBER[300:]) ** 2) <= 1.05 * heaviest


def test_one_setting_is_trained_as_by_fit():
    alone = training.fit(_setting("a", 0).models, SQUARED, X, NUMBER, folds=FOLDS, epochs=3, progress=False)
    packed = training.fit_pack(
        [training.Setting("a", _setting("a", 0).models, {"epochs": 3})], SQUARED, X, NUMBER, folds=FOLDS, progress=False
    )
    assert packed.pack is None
    for one, other in zip(alone.model.get_weights(), packed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_settings_not_begun_before_an_interruption_are_left_out(monkeypatch):
    fits = []

    def fit(*arguments, **options):
        fits.append(options)
        if len(fits) == 2:
            raise interrupts.Interrupted
        return training.fit(*arguments, **options)

    monkeypatch.setattr(pack, "fit", fit)
    trained = _fit([_setting("a", 0), _setting("b", 4), _setting("c", 8)])
    assert len(fits) == 2
    assert list(trained.pack["setting"]) == ["a"]


def test_the_number_of_shares_is_bounded_and_equal_answers_share():
    y = RNG.normal(size=(50, 1))
    answers = [y + RNG.normal(size=y.shape) for _ in range(3)]
    weights = weighing.greedy_weights(answers, lambda scores: float(np.mean((scores - y) ** 2)))
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0.2).all()
    best_two = weighing.greedy_weights(answers, lambda scores: float(np.mean((scores - y) ** 2)), max_answers=2)
    assert best_two.sum() == pytest.approx(1)
    assert np.flatnonzero(best_two).tolist() == np.sort(np.argsort(-weights)[:2]).tolist()


def test_few_rows_without_a_mistake_ask_for_no_scale_without_limit():
    """The scale s of n scores of 1, all right, is where s * sigmoid(-s) = log(s) / n."""
    for rows, bounds in ((10, (3.2, 3.4)), (10_000, (10, 11))):
        scale = weighing.best_scale(np.ones((rows, 1), np.float32), lambda s: float(np.logaddexp(0, -s).mean()))
        assert bounds[0] < scale < bounds[1]
        assert scale / (1 + np.exp(scale)) == pytest.approx(np.log(scale) / rows, rel=0.02)


@pytest.mark.parametrize("feature_scale", [False, True])
def test_separated_networks_have_the_scores_of_the_joined_ones(feature_scale):
    models = _setting("a", 0).models
    joined = join(models, feature_scale=feature_scale)
    joined.set_weights([RNG.normal(size=value.shape) for value in joined.get_weights()])
    scores = np.asarray(joined(X))
    alone = [np.asarray(network(X)) for network in separate(joined, models)]
    np.testing.assert_allclose(np.stack(alone, axis=1), scores, rtol=1e-4, atol=1e-4)


def test_a_time_limit_leaves_out_the_settings_that_it_has_no_time_for():
    def fit(limit):
        return _fit([_setting(name, 0, epochs=100_000) for name in "ab"], time_limit=limit, patience=100_000)

    fit(1e-6)  # all is compiled
    trained = fit(2)
    assert trained.stopped.startswith("the time limit of 2 s after epoch ")
    assert trained.stopped.endswith("; not trained: b")
    assert list(trained.pack["setting"]) == ["a"]
    assert 1 < len(trained.history) < 100_000


def test_an_interruption_in_a_later_setting_is_told(monkeypatch):
    def fit(*arguments, **options):
        trained = training.fit(*arguments, **options)
        monkeypatch.setattr(interrupts, "requested", lambda: True)
        return dataclasses.replace(trained, stopped="interrupted by hand after epoch 6 of 9")

    monkeypatch.setattr(pack, "fit", fit)
    trained = _fit([_setting("a", 0), _setting("b", 4)])
    assert trained.stopped == "interrupted by hand after epoch 6 of 9; not trained: b"


def test_the_time_limit_that_is_told_is_that_of_all_settings(monkeypatch):
    def fit(*arguments, time_limit, **options):
        trained = training.fit(*arguments, **options)
        return dataclasses.replace(trained, stopped=f"the time limit of {time_limit:.5f} s after epoch 6 of 9")

    monkeypatch.setattr(pack, "fit", fit)
    monkeypatch.setattr(pack, "greedy_weights", lambda *_, max_answers: np.array([0.0, 1.0]))
    trained = _fit([_setting("a", 0), _setting("b", 4)], time_limit=50)
    assert trained.stopped == "the time limit of 50 s after epoch 6 of 9"
    assert trained.settings["time_limit"] == 50


def test_an_interrupted_setting_ends_the_training(monkeypatch):
    fits = []

    def fit(*arguments, **options):
        fits.append(options)
        signal.raise_signal(signal.SIGINT)
        return training.fit(*arguments, **options)

    monkeypatch.setattr(pack, "fit", fit)
    with pytest.raises(interrupts.Interrupted):
        _fit([_setting("a", 0), _setting("b", 4)])
    assert len(fits) == 1


@pytest.mark.parametrize(
    ("networks", "options"), [(4, {"folds": None}), (3, {}), (1, {"folds": None, "validation": (X, NUMBER)})]
)
def test_settings_need_rows_and_networks_to_be_weighed(networks, options):
    settings = [training.Setting(name, _setting(name, 0).models[:networks], {"epochs": 1}) for name in "ab"]
    with pytest.raises(DataError, match=r"settings are weighed on|expected several"):
        _fit(settings, **options)


def test_rows_count_once_for_a_metric_that_chooses_the_weights(monkeypatch):
    def greedy(answers, judge, max_answers):
        assert judge(answers[0]) == pytest.approx(np.abs(answers[0] - NUMBER).mean(), rel=1e-4)
        return np.array([1.0, 0.0])

    monkeypatch.setattr(pack, "greedy_weights", greedy)
    _fit([_setting("a", 0), _setting("b", 4)], metric="mae", sample_weight=np.arange(ROWS) % 3)


def test_one_setting_may_take_some_of_the_inputs_without_rows_to_weigh_it_on():
    some = np.array([True, True, True, False, False, False])
    trained = _fit([_setting("three", 0, some)], folds=None)
    assert trained.pack is None
    kernel = trained.model.layers[0].get_weights()[0]
    assert kernel[:3].all()
    assert not kernel[3:].any()


def test_soft_targets_take_of_the_time_limit_and_are_left_out_where_there_is_too_little():
    seconds: list[float] = []

    def targets(left: float) -> np.ndarray | None:
        seconds.append(left)
        return np.repeat(NUMBER[:, None], 4, axis=1) if left > 30 else None

    soft = dataclasses.replace(_setting("from trees", 4), soft_targets=targets)
    settings = [_setting("plain", 0), soft]
    assert list(_fit(settings).pack["networks"]) == [4, 4]
    assert seconds == [np.inf]
    limited = _fit(settings, time_limit=1000)
    assert list(limited.pack["setting"]) == ["plain", "from trees"]
    assert seconds[-1] < 500  # half of what is left
    short = _fit(settings, time_limit=20)
    assert list(short.pack["setting"]) == ["plain"]
    assert "not trained: from trees" in short.stopped
    last = _fit([*settings, _setting("last", 8)], time_limit=20)
    assert list(last.pack["setting"]) == ["plain", "last"]
    assert list(last.pack["networks"]) == [4, 4]
    assert last.stopped.endswith("; not trained: from trees")
    with pytest.raises(DataError, match="time_limit=20 is too short"):
        _fit([soft, soft], time_limit=20)


def test_the_only_setting_learns_its_soft_targets():
    far = np.repeat(np.full_like(NUMBER, 9)[:, None], 4, axis=1)
    only = dataclasses.replace(_setting("far", 0, epochs=30), soft_targets=lambda seconds: far)
    assert Scorer(_fit([only]).model)(X).mean() > 2 > Scorer(_fit([_setting("plain", 0)]).model)(X).mean()
