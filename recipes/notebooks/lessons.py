# %% [markdown]
# # The lessons
#
# Every experiment of the lectures, computed and drawn by one call: on the lectures' own numbers, and some of them on a
# table of your own.

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
# ## What there is

# %%
import pandas as pd

from recipes import lessons
from recipes.samples import path

pd.Series(lessons.LESSONS, name="question").to_frame()

# %% [markdown]
# ## One lesson
#
# A lesson shows itself as a page.

# %%
lessons.show("losses")

# %% [markdown]
# Where a lecture has a number, the lesson computes it; where a slide slips, the page says what is right.

# %%
backprop = lessons.show("backprop")
backprop.table

# %%
backprop.corrections

# %% [markdown]
# ## Its numbers and its pictures
#
# Each picture has its numbers as a table, whole; the figures are matplotlib's, to be drawn on or saved.

# %%
descent = lessons.show("descent")
descent.figures["Step sizes and cost"].savefig("descent.png", dpi=200)
descent.tables["Step sizes and cost"].tail()

# %% [markdown]
# ## On a table of your own
#
# Put its file into the file pane, and write its name in place of `path("breast_cancer")`. Here: is a network worth it?

# %%
worth = lessons.show("worth", path("breast_cancer"), target="diagnosis", task="binary")
worth

# %% [markdown]
# ## A page to keep

# %%
worth.report("worth.html")
