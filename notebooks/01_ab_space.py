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
# The network sees how light each pixel of a photograph is and says, for each pixel,
# how likely each of 313 colors is. This notebook shows where these colors come from and
# how common each one is: figure 3 of
# [Zhang, Isola and Efros 2016](https://arxiv.org/abs/1603.08511), drawn from your own
# photographs.

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
# Put your own folder here. As long as it is `None`, seven photographs of scikit-image
# and scikit-learn are written into a new one.

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
# ## Lightness and color, apart
#
# In CIELAB a color is three numbers: lightness L\* from 0 (black) to 100 (white), a\*
# from green to red, and b\* from blue to yellow. Equal steps look about equally large.
# A black-and-white photograph is L\*; what is to be found are a\* and b\*.

# %%
flower = load_sample_image("flower.jpg")
lab = np.asarray(cielab.rgb8_to_lab(flower))
gray = np.asarray(cielab.lab_to_rgb(lab * [1, 0, 0]))
# The colors alone, all at the lightness 60.
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
# A screen shows sRGB, which has not all values of a\* and b\*, and at each lightness
# others: saturated blue is dark, saturated yellow is light. White stands for what sRGB
# does not have.

# %%
Image(plots.jpeg(plots.planes([15.0, 40.0, 65.0, 90.0])))

# %% [markdown]
# ## The bins
#
# Lay a lattice over the plane, with a point at every tenth unit. Draw the outline of
# all colors of sRGB, at whatever lightness: the convex hull of their a\* and b\*. A
# point is a bin if it is a corner of a lattice cell that the outline reaches into. That
# leaves 313 bins, in the order of the authors' file.

# %%
bins = gamut.from_srgb(spacing=10.0)
len(bins.centers)

# %% [markdown]
# Which of them are the nearest bin of some color? The cube of RGB, in steps of 3
# levels, tells. The other bins get their share only as neighbors, when a color is
# encoded softly (see the next notebook).

# %%
levels = np.arange(0, 256, 3, dtype=np.uint8)
cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
nearest = encode.nearest(cielab.rgb8_to_lab(cube)[:, 1:], bins)
is_reached = np.isin(np.arange(len(bins.centers)), nearest)
figure = plots.bins_and_outline(bins.centers, gamut.outline(), is_reached=is_reached)
Image(plots.png(figure))

# %% [markdown]
# The spacing is a choice: finer bins say colors more precisely, and are more to learn.

# %%
{
    spacing: len(gamut.from_srgb(spacing=spacing).centers)
    for spacing in (5.0, 10.0, 20.0)
}

# %% [markdown]
# ## The prior of your photographs
#
# `jaxcolor prior` counts how often each bin occurs: of each photograph, made 256 pixels
# wide and high, in every fourth pixel of every fourth row. The same in a terminal:
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
# What colors are likely depends on how light a pixel is; that alone already tells a
# network something. Here each pixel's soft code is counted for one band of lightness
# only.

# %%
known = Pillow.registered_extensions()
paths = [p for p in sorted(Path(PHOTOS).rglob("*")) if p.suffix.lower() in known]
# A hundred are enough.
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
# - A folder of your own: of one season, of one painter, of one city. What is missing?
# - `gamut.from_srgb(spacing=5.0)` above: which of these bins are empty in your folder?
#
# Next: [how one pixel's color becomes a distribution, and
# back](02_soft_encoding_and_annealed_mean.ipynb).
