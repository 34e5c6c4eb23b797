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
# The model that comes with jaxcolor, on your photograph: how vivid, how sure, and what
# else it could have been. It saw 26,000 photographs of people, animals, rooms, streets
# and landscapes: expect natural skin, lawns and skies, and likely colors for clothes
# and cars. What it paints is a guess; say so wherever a picture could be taken for a
# document.

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
# Put its path here: JPEG, PNG or TIFF, of any size, in color or not.

# %%
PHOTO = None

# %%
photo = load_sample_image("china.jpg") if PHOTO is None else images.load(PHOTO).rgb
photo.shape, photo.dtype

# %% [markdown]
# ## In color
#
# Only the lightness of the photograph is looked at, and it stays as it is. The first
# call compiles the network, which takes some seconds.

# %%
colorizer = Colorizer.load()
colored = colorizer(photo)
nothing = jnp.zeros((*colorizer.logits_of(photo).shape[:2], 2))
gray = colorizer.paint(photo, nothing)
pictures = {"lightness": gray, "colorized": colored, "as it was": photo}
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# To keep it: `images.save` writes a `Photo`, with what its file said about it; in a
# terminal, `jaxcolor colorize PHOTO -o DIR` does all of this.

# %% [markdown]
# ## Temperature
#
# The network runs once; its distributions are read at several temperatures. At 1 they
# give their mean, smooth and often paler; towards 0 the likeliest bin, patchy.

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
# How much rare colors count, see [rebalancing](03_rebalancing.ipynb). The temperature
# is the model's own.

# %%
pictures = {
    f"λ = {x}": Colorizer.load(rebalancing_lambda=x)(photo) for x in (0.0, 0.5, 1.0)
}
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# ## How sure is it?
#
# The entropy of each distribution, in nats: 0 where one bin takes all, log 313 = 5.7
# where all are alike. It is high where the photograph leaves the color open, and where
# the network has not learnt enough; the map does not tell which.

# %%
entropy = np.asarray(decode.entropy(logits))
figure = plots.maps({"entropy": entropy}, columns=1, unit="nats", is_logarithmic=False)
Image(plots.jpeg(figure))

# %% [markdown]
# ## What else could it be?
#
# Instead of the mean, draw a color. Drawn for each pixel by itself, the picture is
# noise: each pixel is likely, their company is not. Drawn with one chance for all of
# the picture, pixels that the network takes for the same thing get the same color, and
# every pixel alone is still distributed as the network says: exactly so towards T = 0;
# here, at 0.38, what is drawn is softened.

# %%
independent = decode.sample(jax.random.key(0), logits, bins)
pictures = {"each pixel by itself": colorizer.paint(photo, independent)}
for n in range(5):
    ab = decode.sample_coherently(jax.random.key(n), logits, bins, temperature=0.38)
    pictures[f"draw {n}"] = colorizer.paint(photo, ab)
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# Where do the draws differ? The spread of twenty, in CIELAB units:

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
# - An old photograph of your family. Where is the model sure, and is it right there?
# - `Colorizer.load(size=384)`: the network sees more detail, and less of it at once.
#
# Next: [a model of your own](05_train_on_your_photos.ipynb).
