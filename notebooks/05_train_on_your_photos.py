# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train on your photographs
#
# From a folder of photographs to a model that can be passed on, by the commands of
# jaxcolor. Every cell says what the same is in a terminal. This is a small network on
# small pictures, for minutes: it shows the way, not what the method can do.

# %%
# Gets and installs jaxcolor where it is missing, as on Colab.
import importlib.util
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("jaxcolor") is None:
    clone = ["git", "clone", "--depth=1", "https://example.org/jaxcolor", "clone"]
    if not Path("clone").exists():
        subprocess.run(clone, check=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "./clone[demo]"]
    subprocess.run(install, check=True)
    importlib.invalidate_caches()

# %%
import contextlib
import io
import json
import os

import numpy as np
from IPython.display import Image, Markdown
from PIL import Image as Pillow
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import Colorizer, cli, plots
from jaxcolor.color import gamut
from jaxcolor.training import priors

# %% [markdown]
# ## Parameters
#
# `PHOTOS` is your folder, and `TEST` another one, of photographs that are not in it;
# `None` stands for crops of photographs of scikit-image and scikit-learn. `STEPS` is
# how long the training takes: 300 are minutes on two CPU cores. The environment
# variable `JAXCOLOR_STEPS` shortens it.

# %%
PHOTOS = None
TEST = None
STEPS = int(os.environ.get("JAXCOLOR_STEPS", "300"))
WORK = Path("runs/train_notebook")

# %% [markdown]
# ## Photographs
#
# Two of those seven are kept apart, to test with. Crops of one photograph are all on
# one side: else the test would ask for what was learnt by heart.

# %%
whole = {
    "training/astronaut": data.astronaut(),
    "training/china": load_sample_image("china.jpg"),
    "training/coffee": data.coffee(),
    "training/flower": load_sample_image("flower.jpg"),
    "training/motorcycle": data.stereo_motorcycle()[0],
    "test/chelsea": data.chelsea(),
    "test/rocket": data.rocket(),
}
for name, pixels in whole.items():
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 3
    for n in range(6):
        top, left = n // 3 * height, n % 3 * width
        path = WORK / f"{name}_{n}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        crop = pixels[top : top + height, left : left + width]
        Pillow.fromarray(crop).save(path, quality=95)

# %%
training = str(WORK / "training") if PHOTOS is None else PHOTOS
test = str(WORK / "test") if TEST is None else TEST

# %% [markdown]
# ## Prior
#
# How common each color is in what the network learns from, to weight rare ones up. The
# training would count it by itself; here we look at it.
# In a terminal: `jaxcolor prior PHOTOS -o prior.json --resize 64`.

# %%
command = ["prior", training, "-o", f"{WORK}/prior.json"]
assert cli.main([*command, "--resize", "64", "--overwrite", "--quiet"]) == 0
counted = priors.read(WORK / "prior.json")
bins = gamut.from_srgb(spacing=10.0)
shares = priors.probabilities(counted)
source = f"{counted.images} photographs"
Image(plots.png(plots.bins_and_prior(bins.centers, shares, source=source)))

# %% [markdown]
# ## Train
#
# A config is a Python file that has all numbers of a training. `configs/smoke.py` is
# the smallest; any of its values can be overridden. A training that is stopped goes on
# by the same command: run the cell again.
#
# In a terminal: `jaxcolor train --config smoke --workdir WORKDIR
# --config.data.source=PHOTOS --config.training.steps=300`.

# %%
workdir = WORK / f"workdir_{STEPS}"
command = ["train", "--config", "smoke", "--workdir", f"{workdir}"]
overrides = [
    f"--config.data.source={training}",
    f"--config.prior.path={WORK}/prior.json",
    f"--config.training.steps={STEPS}",
    f"--config.training.sheet_every={STEPS}",
]
assert cli.main([*command, *overrides, "--quiet"]) == 0

# %% [markdown]
# ## What was learnt
#
# The loss beside that of the best constant answer, which does not look at the
# photograph it is asked about: below it, the network has learnt to look.

# %%
log = [json.loads(line) for line in (workdir / "log.jsonl").read_text().splitlines()]
train = [line for line in log if line["kind"] == "train"]
steps = [line["step"] for line in train]
curves = {
    "loss": (steps, [line["loss"] for line in train]),
    "loss of a constant answer": (steps, [line["constant_loss"] for line in train]),
}
figure = plots.lines(
    curves, x="step", y="nats per pixel", is_logarithmic=False, verticals={}
)
Image(plots.png(figure))

# %% [markdown]
# The training holds some pictures out by itself. Of each: its lightness, colorized, and
# as it was. (Of a folder of photographs nothing of them was seen. Of crops, others of
# the same photographs were: these look better than they should.)

# %%
sheet = sorted((workdir / "sheets").glob("*.png"))[-1]
rows = {"held out": np.asarray(Pillow.open(sheet))}
Image(plots.jpeg(plots.photographs(rows, columns=1, marked={})))

# %% [markdown]
# ## Evaluate
#
# On photographs that the training has not seen, against gray and the bundled model.
# Rebalanced AuC counts every color alike, and gray loses it; in the raw AuC gray does
# well, for most pixels are nearly gray.
#
# In a terminal: `jaxcolor evaluate TEST --model WORKDIR --model bundled --size 64 -o
# results/`, whose `report.html` shows the best and the worst pictures.

# %%
command = ["evaluate", test, "--model", f"mine={workdir}", "--model", "bundled"]
flags = ["--size", "64", "--resamples", "200", "-o", f"{WORK}/results", "--quiet"]
with contextlib.redirect_stdout(io.StringIO()) as printed:
    assert cli.main([*command, *flags]) == 0
accuracy, *others = printed.getvalue().split("### Colors")
Markdown(accuracy)

# %% [markdown]
# Expect no wonder: crops of five photographs, as this notebook comes, teach nothing
# about a cat or a rocket, and the network may do worse than gray, which at least is
# never far off. The bundled model has seen 26,000 photographs.

# %% [markdown]
# ## Release
#
# A folder with weights, config and model card, as model hubs have it: all that it takes
# to colorize, and nothing else.
# In a terminal: `jaxcolor release WORKDIR -o models/mine`.

# %%
command = ["release", f"{workdir}", "-o", f"{WORK}/mine", "--name", "mine"]
assert cli.main([*command, "--overwrite", "--quiet"]) == 0
{path.name: path.stat().st_size for path in sorted((WORK / "mine").iterdir())}

# %% [markdown]
# ## Use
#
# On a picture of the folder that it was trained on, and on one that it has not seen.

# %%
mine = Colorizer.load(WORK / "mine")
known = Pillow.registered_extensions()
pictures = {}
for title, folder in (("training", training), ("test", test)):
    paths = [p for p in sorted(Path(folder).rglob("*")) if p.suffix.lower() in known]
    rgb = np.asarray(Pillow.open(paths[len(paths) // 2]).convert("RGB"))
    pictures |= {f"{title}: colorized": mine(rgb), f"{title}: as it was": rgb}
Image(plots.jpeg(plots.photographs(pictures, columns=2, marked={})))

# %% [markdown]
# ## To go on
#
# - A thousand photographs of one kind, such as your own travels, teach more than five
#   of five kinds. `configs/scenes_small.py` is the training for that: an hour on two
#   cores.
# - A folder of your own and `JAXCOLOR_STEPS=3000`: when does the loss on photographs
#   held out (`"kind": "validation"` in the log) stop falling, while that of the
#   training falls on?
