# %% [markdown]
# # The lessons
#
# Each experiment of the lectures is computed and drawn by one call, with the numbers of the lectures. Some of them also
# accept your own table.

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
# ## All lessons

# %%
import pandas as pd

from recipes import lessons
from recipes.samples import path

pd.Series(lessons.LESSONS, name="question").to_frame()

# %% [markdown]
# ## One lesson
#
# A lesson is displayed as a page.

# %%
lessons.show("losses")

# %% [markdown]
# The lesson computes the numbers of the lecture. If a slide has a mistake, the page says what is right.

# %%
backprop = lessons.show("backprop")
backprop.table

# %%
backprop.corrections

# %% [markdown]
# ## The numbers and the pictures of a lesson
#
# The numbers of each picture are a DataFrame with all rows. The figures are matplotlib figures that you can change or
# save.

# %%
descent = lessons.show("descent")
descent.figures["Step sizes and cost"].savefig("descent.png", dpi=200)
descent.tables["Step sizes and cost"].tail()

# %% [markdown]
# ## A lesson on your own table
#
# Put the file into the file pane, and write its name in place of `path("breast_cancer")`. The question here: is a
# network worth it?

# %%
worth = lessons.show("worth", path("breast_cancer"), target="diagnosis", task="binary")
worth

# %% [markdown]
# ## Save the page

# %%
worth.report("worth.html")
