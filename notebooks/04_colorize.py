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
# # Colorize a photograph
#
# This notebook colorizes your photograph with the bundled model: how vivid the colors
# are, how certain the model is, and which other colors it considers. The model was
# trained on 26,000 photographs of people, animals, rooms, streets and landscapes:
# expect natural skin, lawns and skies, and common colors for clothes and cars. The
# colors are a guess; say so wherever a picture could be mistaken for a document.

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
import jax
import jax.numpy as jnp
import numpy as np
from IPython.display import Image
from sklearn.datasets import load_sample_image

from jaxcolor import Colorizer, images, plots
from jaxcolor.color import decode

# %% [markdown]
# ## Your photograph
#
# Put its path here: JPEG, PNG or TIFF, of any size, in color or black-and-white.

# %%
PHOTO = None

# %%
photo = load_sample_image("china.jpg") if PHOTO is None else images.load(PHOTO).rgb
photo.shape, photo.dtype

# %% [markdown]
# ## In color
#
# The model uses only the lightness of the photograph, and the result keeps it. The
# first call compiles the network, which takes a few seconds.

# %%
colorizer = Colorizer.load()
colored = colorizer(photo)
nothing = jnp.zeros((*colorizer.logits_of(photo).shape[:2], 2))
gray = colorizer.paint(photo, nothing)
pictures = {"lightness": gray, "colorized": colored, "original": photo}
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# To save the result, `images.save` writes a `Photo` with the metadata of its file. In a
# terminal, `jaxcolor colorize PHOTO -o DIR` does all of this.

# %% [markdown]
# ## Temperature
#
# The network runs once; its distributions are decoded with several temperatures. T = 1
# gives the mean, smooth and often paler; T near 0 gives the most likely bin, patchy.

# %%
logits = colorizer.logits_of(photo)
bins = colorizer.gamut
pictures = {}
for temperature in (0.05, 0.2, 0.38, 0.6, 1.0, 2.0):
    ab = decode.annealed_mean(logits, bins, temperature=temperature)
    pictures[f"T = {temperature}"] = colorizer.paint(photo, ab)
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# ## Lambda
#
# The rebalancing λ of decoding controls how vivid the colors are: the lower, the more
# weight rare colors get, see [rebalancing](03_rebalancing.ipynb). At 0 they are
# unnatural, at 1 muted. The temperature is the model's own.

# %%
pictures = {
    f"λ = {x}": Colorizer.load(rebalancing_lambda=x)(photo) for x in (0.0, 0.5, 1.0)
}
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# ## How certain is it?
#
# The map shows the entropy of each distribution, in nats: 0 where one bin has all of
# the probability, log 313 = 5.7 where all bins are equal. It is high where the
# photograph does not determine the color, and where the network has not learned enough;
# the map cannot distinguish the two.

# %%
entropy = np.asarray(decode.entropy(logits))
figure = plots.maps({"entropy": entropy}, columns=1, unit="nats", is_logarithmic=False)
Image(plots.jpeg(figure))

# %% [markdown]
# ## Samples, and why they are not alternatives
#
# Instead of taking the mean, draw a color from each distribution. If every pixel is
# drawn independently, each color is likely, but neighbors do not match: noise. (The
# coherence of the bundled model averages this noise away when `paint` enlarges it, so
# the first picture looks like a mean.) The other pictures share one random number for
# each bin among all pixels, so pixels with similar distributions get the same color.
# For T near 0, each pixel separately still follows its distribution; here, at 0.38, the
# draws are softened.
#
# These draws are not alternative colorizations. The network predicts one distribution
# per pixel and does not model which colors occur together. A shared random number
# favors the same few bins everywhere, so most draws are a tint over large parts of the
# picture, such as a purple sky and a purple temple, and not a red roof in one draw and
# a green one in the next. They show which colors have some probability, and where.

# %%
independent = decode.sample(jax.random.key(0), logits, bins)
pictures = {"independent pixels": colorizer.paint(photo, independent)}
for n in range(5):
    ab = decode.sample_coherently(jax.random.key(n), logits, bins, temperature=0.38)
    pictures[f"draw {n}"] = colorizer.paint(photo, ab)
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# Where do the draws differ? The map shows the spread of twenty draws, in CIELAB units:

# %%
draw = jax.vmap(
    lambda key: decode.sample_coherently(key, logits, bins, temperature=0.38)
)
many = draw(jax.random.split(jax.random.key(0), 20))
spread = np.asarray(jnp.sqrt(jnp.square(many.std(axis=0)).sum(axis=-1)))
figure = plots.maps(
    {"spread of 20 draws": spread}, columns=1, unit="CIELAB units", is_logarithmic=False
)
Image(plots.jpeg(figure))

# %% [markdown]
# ## To try
#
# - Use an old photograph of your family. Where is the model certain, and is it right?
# - `Colorizer.load(size=384)`: the network sees more detail, but each of its outputs
#   depends on a smaller part of the photograph.
#
# Next: [a model of your own](05_train_on_your_photos.ipynb).
