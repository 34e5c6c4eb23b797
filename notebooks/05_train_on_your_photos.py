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
# This notebook goes from a folder of photographs to a model that can be shared, with
# the commands of jaxcolor. Each section gives the same command for a terminal. It
# trains a small network on small pictures for minutes: it shows the steps, not what the
# method can do.

# %%
# Clones and installs jaxcolor if it is not installed, as on Colab.
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
# `PHOTOS` is your folder, and `TEST` is another folder with photographs that are not in
# the first. `None` stands for crops of sample photographs that ship with scikit-image
# and scikit-learn. `STEPS` is the length of the training: 300 steps take minutes on two
# CPU cores. The environment variable `JAXCOLOR_STEPS` changes it.

# %%
PHOTOS = None
TEST = None
STEPS = int(os.environ.get("JAXCOLOR_STEPS", "300"))
WORK = Path("runs/train_notebook")

# %% [markdown]
# ## Photographs
#
# Two of the seven sample photographs are reserved for the test. All crops of one
# photograph are on one side: otherwise the test would reward memorized photographs.

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
# The prior says how common each color is in the training photographs, so that rare
# colors can get larger weights. The training would count it itself; here we plot it. In
# a terminal: `jaxcolor prior PHOTOS -o prior.json --resize 64`.

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
# A config is a Python file that contains all numbers of a training. `configs/smoke.py`
# is the smallest; any of its values can be overridden. The same command resumes a
# training that was stopped: run the cell again.
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
# ## What was learned
#
# The plot shows the loss beside that of the best constant prediction, which ignores the
# photograph. A network with a smaller loss has learned something from the photographs.

# %%
log = [json.loads(line) for line in (workdir / "log.jsonl").read_text().splitlines()]
train = [line for line in log if line["kind"] == "train"]
steps = [line["step"] for line in train]
curves = {
    "loss": (steps, [line["loss"] for line in train]),
    "loss of a constant prediction": (steps, [line["constant_loss"] for line in train]),
}
figure = plots.lines(
    curves, x="step", y="nats per pixel", is_logarithmic=False, verticals={}
)
Image(plots.png(figure))

# %% [markdown]
# The training sets some pictures aside for validation. Each is shown as its lightness,
# colorized, and as the original. (In your own folder, these are photographs that the
# network has not seen. Of the sample crops, the network has seen other crops of the
# same photographs, so these look better than they should.)

# %%
sheet = sorted((workdir / "sheets").glob("*.png"))[-1]
rows = {"validation photographs": np.asarray(Pillow.open(sheet))}
Image(plots.jpeg(plots.photographs(rows, columns=1, marked={})))

# %% [markdown]
# ## Evaluate
#
# Compare the model with gray and with the bundled model, on photographs that the
# training has not seen. The rebalanced AuC weights all colors equally, and gray scores
# badly; in the raw AuC gray does well, because most pixels are nearly gray.
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
# Do not expect much: crops of five photographs, the default of this notebook, teach
# nothing about a cat or a rocket, and the network may do worse than gray, which is
# never far from the true color. The bundled model has seen 26,000 photographs.

# %% [markdown]
# ## Release
#
# A released model is a folder with weights, config and model card, in the layout of
# model hubs. It contains all that is needed to colorize, and nothing else. In a
# terminal: `jaxcolor release WORKDIR -o models/mine`.

# %%
command = ["release", f"{workdir}", "-o", f"{WORK}/mine", "--name", "mine"]
assert cli.main([*command, "--overwrite", "--quiet"]) == 0
{path.name: path.stat().st_size for path in sorted((WORK / "mine").iterdir())}

# %% [markdown]
# ## Use
#
# Colorize a picture from the training folder, and one that the model has not seen.

# %%
mine = Colorizer.load(WORK / "mine")
known = Pillow.registered_extensions()
pictures = {}
for title, folder in (("training", training), ("test", test)):
    paths = [p for p in sorted(Path(folder).rglob("*")) if p.suffix.lower() in known]
    rgb = np.asarray(Pillow.open(paths[len(paths) // 2]).convert("RGB"))
    pictures |= {f"{title}: colorized": mine(rgb), f"{title}: original": rgb}
Image(plots.jpeg(plots.photographs(pictures, columns=2, marked={})))

# %% [markdown]
# ## Next steps
#
# - A thousand photographs of one kind, such as your own travels, teach more than five
#   photographs of five kinds. Use `--config scenes_small` for them: an hour on two
#   cores.
# - Use a folder of your own and `JAXCOLOR_STEPS=3000`. When does the validation loss
#   (`"kind": "validation"` in the log) stop falling, while the training loss still
#   falls?
