# %% [markdown]
# # From a table to a network, in one call
#
# A table of wines, a network that predicts their grower, its report, and a saved file. A CPU is enough.

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
# ## The table
#
# A sample that comes with the toolkit: chemical measurements of wines, and their grower. To use your own table, put its
# file into the file pane and write its name in place of `path("wine")`.

# %%
import pandas as pd

from recipes import multiclass
from recipes.samples import path

pd.read_csv(path("wine")).head()

# %% [markdown]
# ## The network
#
# One call reads the columns, splits the rows, encodes them, trains, calibrates, and evaluates the network on test rows
# that it has never seen. `effort="quick"` trains one network; without it, sixteen networks are trained, and
# the mean of the best answers.

# %%
run = multiclass.train(path("wine"), target="grower", effort="quick", progress=False)
run.table

# %% [markdown]
# Each metric has a 95 % interval, next to the same metric of three simpler models: one that always gives the same
# answer, a linear one, and trees. In sentences:

# %%
run.verdict

# %% [markdown]
# ## The report
#
# A run is displayed as a report about the data, the split, the training and the mistakes. `run.report("wine.html")`
# writes it as one page that you can send to someone.

# %%
run

# %% [markdown]
# ## Predictions
#
# As your labels, as probabilities, and as raw scores (logits), which are the output of the last layer.

# %%
wines = pd.read_csv(path("wine")).drop(columns="grower").sample(5, random_state=0)
run.predict_proba(wines).assign(prediction=run.predict(wines))

# %%
run.decision_function(wines)

# %% [markdown]
# ## Save the network
#
# The file is a plain Keras model that also contains the preprocessing of the columns, as JSON. A loaded network can
# learn from new rows.

# %%
import toolkit

run.save("wine.keras")
again = toolkit.load("wine.keras")
again.update(path("wine"))  # one pass over labeled rows, which are not stored
again.evaluate(path("wine"))

# %% [markdown]
# ## It is Keras
#
# If you need more than the toolkit offers, take the Keras model and continue with it.

# %%
run.model.summary()
