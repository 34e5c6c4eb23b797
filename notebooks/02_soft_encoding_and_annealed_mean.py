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
# A pixel's journey: its color becomes a distribution over bins, which is what a network
# learns; a network's distribution becomes a color again. Sections 2.1 and 2.3 of
# [Zhang, Isola and Efros 2016](https://arxiv.org/abs/1603.08511).

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
from IPython.display import Image, display
from skimage import data

from jaxcolor import Colorizer, plots
from jaxcolor.color import cielab, decode, encode, gamut

bins = gamut.from_srgb(spacing=10.0)

# %% [markdown]
# ## One pixel
#
# On the saucer of this cup, at the ring:

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
# The nearest bin alone would lose where between the bins the color lies, and would call
# the bin beside it as wrong as the opposite one. So the target is spread over the 10
# nearest bins, each weighted by a Gaussian of its distance, with σ = 5:
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
# In the figures, a square's area is the share of its bin.

# %%
target = np.asarray(encode.densify(code, bins=len(bins.centers)))
title = "the pixel's soft code"
marks = {title: {"its color": np.asarray(ab)}}
Image(plots.png(plots.distributions({title: target}, bins.centers, marks=marks)))

# %% [markdown]
# The mean of the code is close to the color itself, though no bin is:

# %%
returned = decode.mean(jnp.log(target), bins)
print("color:", ab, "mean of its code:", returned)

# %% [markdown]
# ## Two answers to one question
#
# A network cannot know that the saucer is red. Say that of the saucers it saw 70
# percent were red and 30 blue, and that it answers so.

# %%
blue = ab - jnp.array([50.0, 80.0])
other = encode.densify(
    encode.soft_encode(blue, bins, neighbors=10, sigma=5.0), bins=len(bins.centers)
)
unsure = 0.7 * target + 0.3 * np.asarray(other)
# A bin of share 0 has the logit -inf.
logits = jnp.log(unsure)

# %% [markdown]
# - The **mean** lies between the two, where no saucer ever was. That is what a network
#   learns that is trained to be near the truth on average: brown and gray.
# - The **mode** is the center of the likeliest bin: as vivid as that is, but it jumps
#   from one pixel to the next where two answers are nearly as likely.
# - The **annealed mean** is the mean after each share is raised to the power 1/T and
#   all are scaled to sum to one:
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
# At T = 1 nothing is sharpened; towards 0 the likeliest bin takes all. The mean moves
# along.

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
# Drag the slider. (It needs a running notebook and ipywidgets; without, the
# figure above stands for it.)


# %%
def show(temperature):
    sharp = np.asarray(jnp.exp(logits / temperature))
    title = f"T = {temperature:.2f}"
    panels = {"as the network says": unsure, title: sharp / sharp.sum()}
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
# How colorful the answer is, its chroma, and how far it is from the red that is true:

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
# ## What a network says
#
# The bundled model, on this photograph. It gives a distribution for every cell of
# 4 × 4 pixels of the view that it sees: logits, the logarithms of shares that need not
# sum to one yet.

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
# As the notebook comes, on the saucer: most is on reds, and some on purple, blue and
# green. These pull the mean towards gray. The annealed mean, which hardly sees them,
# lies beside the mode, a little paler than the saucer is.
#
# Its entropy tells how unsure it is: 0 nats if one bin takes all, log 313 = 5.7 if all
# are alike. The soft code that it was to learn has some entropy of its own.

# %%
print(f"the bundled model: {decode.entropy(cell):.2f} nats")
print(f"the soft code: {decode.entropy(jnp.log(target)):.2f} nats")

# %% [markdown]
# The three readings of the same outputs, as pictures:

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
# - Move the ring: `row, column = 60, 560` is the table. Is the network less unsure?
# - Make the two answers equally likely. Where does the annealed mean go, at what T?
# - `neighbors=1`: the hard code. What is its mean now?
#
# Next: [why rare colors have to be weighted up](03_rebalancing.ipynb).
