"""TensorFlow's messages stay away from users; other settings of Keras and forked processes are clear errors."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import keras
import numpy as np
import pytest

from recipes import binary
from toolkit.backend import load_keras
from toolkit.common.errors import DataError

TABLE = "data/breast_cancer.csv"
TRAIN = f"""
from recipes import binary
run = binary.train("{TABLE}", target="diagnosis", hidden=(4,), epochs=1, effort="quick", progress=False)
"""
FORK = """
import os, signal
from toolkit import DataError
{before}
child = os.fork()
if child == 0:
    signal.alarm(60)
    for call in (lambda: run.predict("data/breast_cancer.csv"), lambda: binary.train("data/wine.csv", target="grower")):
        try:
            call()
        except DataError as error:
            print(error, flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def run_python(root, *arguments, **environment):
    """Run Python as a user does who has set no variable of TensorFlow or Keras."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_"))}
    env |= {"PYTHONPATH": str(root)} | environment
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=root, env=env, timeout=200)


def test_the_command_line_shows_no_line_of_tensorflow(root):
    model = str(root / "tests/saved_by_0_1_0/binary.keras")
    done = run_python(root, "-m", "recipes", "info", model)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if ".cc:" in line or "absl" in line or "0000 " in line]


def test_a_script_shows_no_line_of_tensorflow_unless_asked_to_and_leaves_random_alone(root):
    check = "assert random.getstate() == before, 'the state of random has changed'"
    done = run_python(root, "-c", f"import random, sklearn.preprocessing; before = random.getstate()\n{TRAIN}\n{check}")
    assert (done.returncode, done.stderr) == (0, "")
    load = "from toolkit.backend import load_keras; load_keras()"
    assert ".cc:" in run_python(root, "-c", load, TF_CPP_MIN_LOG_LEVEL="0").stderr


def test_what_other_code_writes_while_tensorflow_loads_is_kept(root):
    code = """
import sys, threading, time
from toolkit.backend import load_keras
thread = threading.Thread(target=lambda: [(print(i, file=sys.stderr), time.sleep(0.05)) for i in range(60)])
thread.start(); load_keras(); thread.join()
"""
    assert run_python(root, "-c", code).stderr.split() == [str(i) for i in range(60)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_forked_after_use_gets_an_error_in_place_of_a_hang(root):
    done = run_python(root, "-W", "ignore", "-c", FORK.format(before=TRAIN))
    assert done.stdout.count("was forked from one that had used TensorFlow") == 2, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "0"


def test_another_backend_is_a_clear_error(root):
    body = TRAIN.strip().replace("\n", "\n    ")
    code = f"from toolkit import DataError\ntry:\n    {body}\nexcept DataError as error:\n    print(error)"
    for backend in ("jax", "torch"):
        done = run_python(root, "-c", code, KERAS_BACKEND=backend)
        assert backend in done.stdout, done.stdout + done.stderr
        assert "KERAS_BACKEND to tensorflow" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "usual"),
    [
        ("floatx", "float16", "float32"),
        ("dtype_policy", "mixed_float16", "float32"),
        ("image_data_format", "channels_first", "channels_last"),
    ],
)
def test_another_setting_of_keras_is_a_clear_error(name, value, usual):
    change = getattr(keras.config, f"set_{name}")
    change(value)
    try:
        with pytest.raises(DataError, match=f"set to '{value}'.*call keras.config.set_{name}\\('{usual}'\\)"):
            load_keras()
    finally:
        change(usual)


def test_training_and_predicting_leave_random_states_alone(runs):
    import tensorflow as tf

    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - what users have
    tf.random.set_seed(1)

    def states():
        generator = tf.random.get_global_generator()
        legacy = np.random.get_state()[1].tolist()  # noqa: NPY002
        return random.getstate(), legacy, generator.state.numpy().tolist()

    def drawn():
        random.seed(1)
        tf.random.set_seed(1)
        return float(tf.random.uniform(()))

    expected, before = drawn(), states()
    tf.random.set_seed(1)
    x = np.arange(120.0).reshape(60, 2)
    run = binary.train((x, x[:, 0] > 50), hidden=(4,), epochs=2, dropout=0.1, progress=False)
    run.predict(x)
    run.summary()
    binary.compare((x, x[:, 0] > 50), heads=("logistic", "hinge"), seeds=1, hidden=(4,), epochs=2, progress=False)
    assert float(tf.random.uniform(())) == expected
    assert states() == before
