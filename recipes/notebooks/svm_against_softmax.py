# %% [markdown]
# # SVM against softmax
#
# The same network can be trained with two losses: the hinge loss of a support vector machine, which requires a margin
# between the classes, or the cross-entropy of a softmax, which requires a high probability of the true class. What is
# the difference, and does it matter?

# %% [markdown]
# ## Install
#
# Run this cell first. It does nothing if the toolkit is already installed. In a checkout of the project it installs the
# checkout. Elsewhere, as in Colab, it needs the wheel: make it with `pip wheel --no-deps --wheel-dir dist .` in a
# checkout, and drag `dist/logitkit-….whl` into the file pane on the left. It does not replace large packages that Colab
# already has.

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
# ## What each loss requires
#
# Three pictures, each with the scores of three classes. The hinge loss adds, for each wrong class, by how much the true
# class misses a lead of 1 over it. The cross-entropy is the negative logarithm of the true class's probability.

# %%
from recipes import lessons, multiclass
from recipes.samples import path

lessons.show("losses").table

# %% [markdown]
# ## The same rows, the same start, two heads
#
# Both heads share the split, the initial weights and the order of the rows of each seed, so their differences are
# paired.

# %%
comparison = multiclass.compare(
    path("wine"), target="grower", heads=("softmax", "hinge"), seeds=5, hidden=(32,), epochs=40, progress=False
)
comparison.table[["softmax", "hinge", "hinge_difference", "hinge_difference_low", "hinge_difference_high"]]

# %% [markdown]
# If the interval of a difference contains 0, there is no clear difference.

# %%
comparison.verdict

# %% [markdown]
# ## Side by side
#
# Learning curves, margins, confidence, reliability, and the rows on which the two heads disagree.

# %%
comparison

# %% [markdown]
# ## A margin is not a probability
#
# The scores of a run with the hinge loss are margins. Its probabilities are fitted afterwards, on the validation rows;
# they do not change the predicted class.

# %%
import pandas as pd

run = multiclass.train(
    path("wine"), target="grower", head="hinge", hidden=(32,), epochs=40, baselines=False, progress=False
)
wines = pd.read_csv(path("wine")).drop(columns="grower").head(3)
pd.concat(
    {
        "score": pd.DataFrame(run.decision_function(wines), columns=run.classes),
        "probability": run.predict_proba(wines),
    },
    axis=1,
).round(3)
