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
# # The ab plane and its bins
#
# The network sees the lightness of each pixel of a photograph and predicts, for each
# pixel, the probability of each of 313 colors. This notebook shows where these colors
# come from and how common each one is: figure 3 of
# [Zhang, Isola and Efros 2016](https://arxiv.org/abs/1603.08511), drawn from your own
# photographs.

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
import jax.numpy as jnp
import numpy as np
from IPython.display import Image
from PIL import Image as Pillow
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import cli, plots
from jaxcolor.color import cielab, encode, gamut, rebalance
from jaxcolor.training import priors

# %% [markdown]
# ## Photographs
#
# Put the path of your own folder here. If it is `None`, the notebook writes seven
# sample photographs, which ship with scikit-image and scikit-learn, into a new folder.

# %%
PHOTOS = None

# %%
if PHOTOS is None:
    PHOTOS = "runs/photos"
    Path(PHOTOS).mkdir(parents=True, exist_ok=True)
    for name, pixels in {
        "astronaut": data.astronaut(),
        "chelsea": data.chelsea(),
        "china": load_sample_image("china.jpg"),
        "coffee": data.coffee(),
        "flower": load_sample_image("flower.jpg"),
        "motorcycle": data.stereo_motorcycle()[0],
        "rocket": data.rocket(),
    }.items():
        Pillow.fromarray(pixels).save(f"{PHOTOS}/{name}.jpg", quality=95)

# %% [markdown]
# ## Separate lightness and color
#
# In CIELAB a color has three numbers: lightness L\* from 0 (black) to 100 (white), a\*
# from green to red, and b\* from blue to yellow. Equal distances look about equally
# large. A black-and-white photograph has only L\*; the network predicts a\* and b\*.

# %%
flower = load_sample_image("flower.jpg")
lab = np.asarray(cielab.rgb8_to_lab(flower))
gray = np.asarray(cielab.lab_to_rgb(lab * [1, 0, 0]))
# Only the colors, all at lightness 60.
color = np.asarray(cielab.lab_to_rgb(cielab.clip_chroma(lab * [0, 1, 1] + [60, 0, 0])))
parts = {
    "photograph": flower,
    "L*, with a* = b* = 0": np.uint8(255 * gray.clip(0, 1)),
    "a* and b*, with L* = 60": np.uint8(255 * color.clip(0, 1)),
}
Image(plots.jpeg(plots.photographs(parts, columns=3, marked={})))

# %% [markdown]
# ## The gamut
#
# A screen shows sRGB, which contains only some values of a\* and b\*, and different
# ones at each lightness: saturated blue is dark, saturated yellow is light. White areas
# are outside of sRGB.
#
# In all figures of the ab plane, a\* is vertical and b\* horizontal, although textbooks
# usually draw a\* to the right. This follows the paper's figure 3, and the order of an
# array indexed `[a, b]`, whose first axis is drawn vertically. So the red end of
# a\* is at the top and the green end at the bottom; blue is on the left, yellow on the
# right.

# %%
Image(plots.jpeg(plots.planes([15.0, 40.0, 65.0, 90.0])))

# %% [markdown]
# ## The bins
#
# Put a lattice over the plane, with a point every 10 units. Draw the outline of all
# colors of sRGB, at any lightness: the convex hull of their a\* and b\*. A point is a
# bin if it is a corner of a lattice cell that overlaps the hull. This gives 313 bins,
# in the order of the authors' file.

# %%
bins = gamut.from_srgb(spacing=10.0)
len(bins.centers)

# %% [markdown]
# Which bins are the nearest bin of some color? The next cell tests the whole RGB cube
# in steps of 3 levels. The other bins occur only as neighbors, in the soft encoding of
# a color (see the next notebook).

# %%
levels = np.arange(0, 256, 3, dtype=np.uint8)
cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
nearest = encode.nearest(cielab.rgb8_to_lab(cube)[:, 1:], bins)
is_reached = np.isin(np.arange(len(bins.centers)), nearest)
figure = plots.bins_and_outline(bins.centers, gamut.outline(), is_reached=is_reached)
Image(plots.png(figure))

# %% [markdown]
# The spacing is a choice: finer bins represent colors more precisely, but there are
# more of them to learn.

# %%
{
    spacing: len(gamut.from_srgb(spacing=spacing).centers)
    for spacing in (5.0, 10.0, 20.0)
}

# %% [markdown]
# ## The prior of your photographs
#
# `jaxcolor prior` counts how often each bin occurs. It resizes each photograph to 256 x
# 256 pixels and counts every fourth pixel of every fourth row. The same in a terminal:
# `jaxcolor prior PHOTOS -o prior.json`.

# %%
command = ["prior", PHOTOS, "-o", "runs/prior.json", "--overwrite", "--quiet"]
assert cli.main(command) == 0
counted = priors.read(Path("runs/prior.json"))
f"{counted.images} photographs, {counted.pixels} pixels"

# %% [markdown]
# Most of the common bins are near gray. The scale on the right is logarithmic: the most
# common bin is thousands of times as common as a saturated one.

# %%
shares = priors.probabilities(counted)
source = f"{counted.images} photographs"
Image(plots.png(plots.bins_and_prior(bins.centers, shares, source=source)))

# %%
order = np.argsort(shares)[::-1]
for n in order[:5]:
    print(f"(a*, b*) = {bins.centers[n]}: {shares[n]:.1%} of the pixels")
print(f"the 10 most common bins: {shares[order[:10]].sum():.0%} of the pixels")

# %% [markdown]
# ## The prior at a lightness
#
# Which colors are likely depends on how light a pixel is, so lightness alone already
# tells a network something. Here the soft encodings of the pixels are counted
# separately in four bands of lightness.

# %%
known = Pillow.registered_extensions()
paths = [p for p in sorted(Path(PHOTOS).rglob("*")) if p.suffix.lower() in known]
# A hundred photographs are enough.
pixels = np.concatenate(
    [
        np.asarray(Pillow.open(path).convert("RGB"))[::4, ::4].reshape(-1, 3)
        for path in paths[:100]
    ]
)
lab = cielab.rgb8_to_lab(pixels)
code = encode.soft_encode(lab[:, 1:], bins, neighbors=10, sigma=5.0)

# %%
bands = {}
for low in (0, 25, 50, 75):
    is_in_band = (lab[:, 0] >= low) & (lab[:, 0] < low + 25)
    counts = rebalance.accumulate(
        code, bins=len(bins.centers), per_pixel=is_in_band.astype(jnp.float32)
    )
    bands[f"L* from {low} to {low + 25}"] = rebalance.normalize(counts).tolist()
Image(plots.png(plots.histograms(bands, bins.centers)))

# %% [markdown]
# ## To try
#
# - Use a folder of your own: one season, one painter, one city. Which colors are
#   missing?
# - Use `gamut.from_srgb(spacing=5.0)` above. Which of these bins are empty in your
#   folder?
#
# Next: [how one pixel's color becomes a distribution, and
# back](02_soft_encoding_and_annealed_mean.ipynb).
