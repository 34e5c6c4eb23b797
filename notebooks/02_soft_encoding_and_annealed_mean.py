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
# # Soft encoding and the annealed mean
#
# This notebook follows one pixel. Its color becomes a distribution over bins, the
# target of the network; the distribution that a network predicts becomes a color again.
# This is sections 2.1 and 2.3 of [Zhang, Isola and Efros
# 2016](https://arxiv.org/abs/1603.08511).

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
from IPython.display import Image, display
from skimage import data

from jaxcolor import Colorizer, plots
from jaxcolor.color import cielab, decode, encode, gamut

bins = gamut.from_srgb(spacing=10.0)

# %% [markdown]
# ## One pixel
#
# The ring marks a pixel on the saucer of this cup:

# %%
photo = data.coffee()
row, column = 250, 130
picture = plots.photographs(
    {"coffee": photo}, columns=1, marked={"coffee": (row, column)}
)
Image(plots.jpeg(picture))

# %%
lab = cielab.rgb8_to_lab(photo[row, column])
lightness, ab = float(lab[0]), lab[1:]
print("8-bit sRGB:", photo[row, column])
print(f"L* = {lightness:.1f}, a* = {ab[0]:.1f}, b* = {ab[1]:.1f}")

# %% [markdown]
# ## From a color to a distribution
#
# The nearest bin alone would lose the position of the color between the bins, and would
# treat the bin next to it as just as wrong as the opposite one. So the target is spread
# over the 10 nearest bins, each weighted by a Gaussian of its distance, with σ = 5:
#
# $$z_q \propto \exp\left(-\frac{d_q^2}{2\sigma^2}\right), \qquad \sum_q z_q = 1.$$

# %%
code = encode.soft_encode(ab, bins, neighbors=10, sigma=5.0)
for n, weight in zip(code.indices, code.weights, strict=True):
    distance = np.linalg.norm(bins.centers[n] - ab)
    print(
        f"bin {n} at {bins.centers[n]}: distance {distance:4.1f}, weight {weight:.4f}"
    )

# %% [markdown]
# In the figures, the area of a square is the probability of its bin.

# %%
target = np.asarray(encode.densify(code, bins=len(bins.centers)))
title = "the pixel's soft code"
marks = {title: {"its color": np.asarray(ab)}}
Image(plots.png(plots.distributions({title: target}, bins.centers, marks=marks)))

# %% [markdown]
# The mean of the soft encoding is close to the color itself, although no bin is:

# %%
returned = decode.mean(jnp.log(target), bins)
print("color:", ab, "mean of its code:", returned)

# %% [markdown]
# ## Two possible colors
#
# A network cannot know that the saucer is red. Suppose that 70 percent of the saucers
# in its training photographs were red and 30 percent blue, and that it predicts exactly
# that.

# %%
blue = ab - jnp.array([50.0, 80.0])
other = encode.densify(
    encode.soft_encode(blue, bins, neighbors=10, sigma=5.0), bins=len(bins.centers)
)
unsure = 0.7 * target + 0.3 * np.asarray(other)
# A bin of probability 0 has the logit -inf.
logits = jnp.log(unsure)

# %% [markdown]
# - The **mean** lies between the two, where no saucer is. A network that is trained to
#   be close to the true color on average learns this: brown and gray.
# - The **mode** is the center of the most likely bin. It is as vivid as that bin, but
#   it jumps from one pixel to the next where two colors are almost equally likely.
# - The **annealed mean** is the mean after each probability is raised to the power 1/T
#   and all are normalized:
#
# $$f_T(z) = \frac{\exp(\log(z)/T)}{\sum_q \exp(\log(z_q)/T)}.$$

# %%
title = "red or blue"
marks = {
    title: {
        "mean": np.asarray(decode.mean(logits, bins)),
        "mode": np.asarray(decode.mode(logits, bins)),
        "T = 0.38": np.asarray(decode.annealed_mean(logits, bins, temperature=0.38)),
    }
}
Image(plots.png(plots.distributions({title: unsure}, bins.centers, marks=marks)))

# %% [markdown]
# ## The temperature
#
# T = 1 leaves the distribution as it is; for T near 0 the most likely bin has all of
# the probability. The mean moves accordingly.

# %%
panels, marks = {}, {}
for temperature in (1.0, 0.38, 0.1):
    title = f"T = {temperature}"
    sharp = np.asarray(jnp.exp(logits / temperature))
    panels[title] = sharp / sharp.sum()
    ab_of = decode.annealed_mean(logits, bins, temperature=temperature)
    marks[title] = {"annealed mean": np.asarray(ab_of)}
Image(plots.png(plots.distributions(panels, bins.centers, marks=marks)))

# %% [markdown]
# Drag the slider. (It needs a running notebook and ipywidgets; otherwise, see the
# figure above.)


# %%
def show(temperature):
    sharp = np.asarray(jnp.exp(logits / temperature))
    title = f"T = {temperature:.2f}"
    panels = {"as predicted": unsure, title: sharp / sharp.sum()}
    ab_of = decode.annealed_mean(logits, bins, temperature=temperature)
    marks = {title: {"annealed mean": np.asarray(ab_of)}}
    display(Image(plots.png(plots.distributions(panels, bins.centers, marks=marks))))


if importlib.util.find_spec("ipywidgets") is None:
    show(0.38)
else:
    import ipywidgets

    slider = ipywidgets.FloatSlider(
        value=0.38, min=0.04, max=1.2, step=0.02, continuous_update=False
    )
    ipywidgets.interact(show, temperature=slider)

# %% [markdown]
# The chroma of the result, and its distance from the true color, red:

# %%
temperatures = np.linspace(0.04, 1.2, 59)
path = np.asarray(
    decode.annealed_mean(logits, bins, temperature=jnp.array(temperatures))
)
figure = plots.lines(
    {
        "chroma": (temperatures.tolist(), np.hypot(*path.T).tolist()),
        "distance from the true color": (
            temperatures.tolist(),
            np.linalg.norm(path - np.asarray(ab), axis=1).tolist(),
        ),
    },
    x="temperature T",
    y="CIELAB units",
    is_logarithmic=False,
    verticals={"the paper's T = 0.38": 0.38},
)
Image(plots.png(figure))

# %% [markdown]
# ## The prediction of a network
#
# Now the bundled model predicts colors for this photograph. It gives a distribution for
# every cell of 4 × 4 pixels of the view that it sees, as logits: logarithms of
# probabilities that are not normalized yet.

# %%
colorizer = Colorizer.load()
outputs = colorizer.logits_of(photo)
outputs.shape

# %%
height, width = outputs.shape[:2]
cell = outputs[row * height // photo.shape[0], column * width // photo.shape[1]]
says = np.asarray(jnp.exp(cell - cell.max()))
title = "the bundled model on this pixel"
marks = {
    title: {
        "mean": np.asarray(decode.mean(cell, bins)),
        "mode": np.asarray(decode.mode(cell, bins)),
        "T = 0.38": np.asarray(decode.annealed_mean(cell, bins, temperature=0.38)),
        "true color": np.asarray(ab),
    }
}
panels = {title: says / says.sum()}
Image(plots.png(plots.distributions(panels, bins.centers, marks=marks)))

# %% [markdown]
# On the saucer (the pixel of this notebook as published), most of the probability is on
# reds, and some on purple, blue and green. These pull the mean towards gray. They
# hardly affect the annealed mean, which lies close to the mode and is a little paler
# than the saucer.
#
# The entropy of the distribution measures the uncertainty of the network: 0 nats if one
# bin has all of the probability, log 313 = 5.7 if all bins are equal. The soft
# encoding, the target of the training, has an entropy of its own.

# %%
print(f"the bundled model: {decode.entropy(cell):.2f} nats")
print(f"the soft code: {decode.entropy(jnp.log(target)):.2f} nats")

# %% [markdown]
# The same outputs, decoded in three ways:

# %%
readings = {
    "mean (T = 1)": decode.mean(outputs, bins),
    "annealed mean (T = 0.38)": decode.annealed_mean(outputs, bins, temperature=0.38),
    "mode (T to 0)": decode.mode(outputs, bins),
}
pictures = {name: colorizer.paint(photo, each) for name, each in readings.items()}
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# ## To try
#
# - Move the ring: `row, column = 60, 560` is the table. Is the network more certain
#   there?
# - Make the two colors equally likely. Where is the annealed mean, at which T?
# - Set `neighbors=1`: the hard encoding. What is its mean?
#
# Next: [why rare colors need larger weights](03_rebalancing.ipynb).
