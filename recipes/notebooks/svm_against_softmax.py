# %% [markdown]
# # SVM against softmax
#
# The same network can end in two ways: with the loss of a support vector machine, which asks for a margin, or with the
# cross-entropy of a softmax, which asks for probability. What is the difference, and does it matter?

# %% [markdown]
# ## Install
#
# Run this cell first. Where the toolkit is installed already, it does nothing; in a checkout of the project it installs
# that. Elsewhere, as in Colab, it wants the wheel: make it with `pip wheel --no-deps --wheel-dir dist .` in a checkout,
# and drag `dist/logitkit-….whl` into the file pane on the left. Nothing heavy that Colab brings along is replaced.

# %%
import importlib.util
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("recipes") is None:
    here = Path.cwd()
    checkouts = [folder for folder in (here, *here.parents) if (folder / "toolkit" / "losses.py").is_file()]
    sources = checkouts[:1] or sorted(here.glob("logitkit-*.whl"))[-1:]
    if not sources:
        raise FileNotFoundError(f"Put the wheel logitkit-….whl into {here}, then run this cell again.")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", str(sources[0])], check=True)
    importlib.invalidate_caches()

# %% [markdown]
# ## What each loss asks for
#
# Three pictures, with the scores of three classes each. The hinge sums by how much wrong classes come within 1 of the
# true one; the cross-entropy is the negative logarithm of the true class's probability.

# %%
from recipes import lessons, multiclass
from recipes.samples import path

lessons.show("losses").table

# %% [markdown]
# ## The same rows, the same start, two heads
#
# Every seed draws a split, initial weights and an order of the rows that both heads share, so that their differences
# are paired.

# %%
comparison = multiclass.compare(
    path("wine"), target="grower", heads=("softmax", "hinge"), seeds=2, hidden=(32,), epochs=40, progress=False
)
comparison.table[["softmax", "hinge", "hinge_difference", "hinge_difference_low", "hinge_difference_high"]]

# %% [markdown]
# An interval of the difference that holds 0 means: no clear difference.

# %%
comparison.verdict

# %% [markdown]
# ## Side by side
#
# Learning curves, margins, confidence, reliability, and the rows on which the two disagree.

# %%
comparison

# %% [markdown]
# ## A margin is not a probability
#
# The scores of a hinge run are margins. Its probabilities are fitted afterwards, on validation rows; they never change
# which class wins.

# %%
import pandas as pd

run = multiclass.train(
    path("wine"), target="grower", head="hinge", hidden=(32,), epochs=40, baselines=False, progress=False
)
wines = pd.read_csv(path("wine")).drop(columns="grower").head(3)
pd.concat(
    {
        "score": pd.DataFrame(run.decision_function(wines), columns=run.classes),
        "probability": pd.DataFrame(run.predict_proba(wines), columns=run.classes),
    },
    axis=1,
).round(3)
