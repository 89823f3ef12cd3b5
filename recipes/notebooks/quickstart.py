# %% [markdown]
# # From a table to a network, in one call
#
# A table of wines, a network that names their grower, its report, and a file to keep. A CPU is enough.

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
# ## The table
#
# A sample that comes along: chemical measurements of wines, and who grew them. For a table of your own, put its file
# into the file pane and write its name in place of `path("wine")`.

# %%
import pandas as pd

from recipes import multiclass
from recipes.samples import path

pd.read_csv(path("wine")).head()

# %% [markdown]
# ## The network
#
# One call reads the columns, splits the rows, encodes, trains, calibrates, and judges the network on rows it never saw.
# `effort="quick"` trains one network; leave it out for four, which answer together.

# %%
run = multiclass.train(path("wine"), target="grower", effort="quick", progress=False)
run.table

# %% [markdown]
# Each metric has its 95 % interval, and stands beside a model that always says the same, a linear one and trees. What
# that means, in sentences:

# %%
run.verdict

# %% [markdown]
# ## The report
#
# A run shows itself: everything about the data, the split, the training and the mistakes. `run.report("wine.html")`
# writes the same as one page, which can be sent to someone.

# %%
run

# %% [markdown]
# ## Predictions
#
# In your own labels, as probabilities, and as the raw scores (logits) that the last layer gives.

# %%
wines = pd.read_csv(path("wine")).drop(columns="grower").sample(5, random_state=0)
pd.DataFrame(run.predict_proba(wines), columns=run.classes, index=wines.index).assign(said=run.predict(wines))

# %%
run.decision_function(wines)

# %% [markdown]
# ## A file to keep
#
# A plain Keras model, with the encoding of the columns as JSON inside. It can go on learning, too.

# %%
import toolkit

run.save("wine.keras")
again = toolkit.load("wine.keras")
again.update(path("wine"))  # one pass over labelled rows, which are then forgotten
again.evaluate(path("wine"))

# %% [markdown]
# ## It is Keras
#
# Whoever outgrows the toolkit takes the model and goes on.

# %%
run.model.summary()
