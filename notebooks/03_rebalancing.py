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
# # Rebalancing
#
# Most pixels of most photographs are nearly gray: sky, walls, pavement. A network that
# counts each pixel alike learns to answer gray. The paper weights each pixel by how
# rare its color is; λ says how much. Section 2.2 of [Zhang, Isola and Efros
# 2016](https://arxiv.org/abs/1603.08511).

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
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import Colorizer, plots
from jaxcolor.color import cielab, decode, encode, gamut, losses, rebalance
from jaxcolor.pretrained import release

bins = gamut.from_srgb(spacing=10.0)
LAMBDAS = (0.0, 0.5, 1.0)

# %% [markdown]
# ## From the prior to weights
#
# The prior $p$ is the share of each bin in the photographs of the training; here, of
# the bundled model. A bin's weight is
#
# $$w_q \propto \left((1 - \lambda)\, p_q + \frac{\lambda}{Q}\right)^{-1},
# \qquad \sum_q p_q w_q = 1,$$
#
# where $Q$ is the number of bins that are not empty. At λ = 1 every weight is one; at λ
# = 0 it is the inverse of the share. The paper takes λ = 0.5.

# %%
model = release.load("bundled")
prior = model.prior
weights = {
    x: np.asarray(rebalance.class_weights(prior, rebalancing_lambda=x)) for x in LAMBDAS
}
for x, w in weights.items():
    print(f"λ = {x}: weights from {w.min():.3g} to {w.max():.3g}")

# %%
order = np.argsort(prior)
order = order[prior[order] > 0]
curves = {
    f"λ = {x}": (prior[order].tolist(), w[order].tolist()) for x, w in weights.items()
}
figure = plots.lines(
    curves,
    x="share of the bin in the training's pixels",
    y="weight of the bin",
    is_logarithmic=True,
    verticals={},
)
Image(plots.png(figure))

# %% [markdown]
# At λ = 0 the rarest bin weighs a billion times as much as gray: a few odd pixels
# would drive the training. The uniform part bends the line: at λ = 0.5, whatever is
# rarer than about 1/Q weighs the same.

# %% [markdown]
# ## On a photograph
#
# A pixel takes the weight of its nearest bin.

# %%
photo = load_sample_image("china.jpg")[::2, ::2][:208, :320]
ab = cielab.rgb8_to_lab(photo)[..., 1:]
weight = {
    x: rebalance.pixel_weights(ab, bins, class_weights=jnp.asarray(w))
    for x, w in weights.items()
}
panels = {f"weights, λ = {x}": np.asarray(weight[x]) for x in (0.0, 0.5)}
picture = plots.photographs({"photograph": photo}, columns=1, marked={})
Image(plots.jpeg(picture))

# %%
figure = plots.maps(panels, columns=2, unit="weight", is_logarithmic=True)
Image(plots.jpeg(figure))

# %% [markdown]
# How much of all weight is on pixels of which chroma?

# %%
chroma = np.hypot(*np.moveaxis(np.asarray(ab), -1, 0))
for low, high in ((0, 10), (10, 30), (30, 60), (60, 150)):
    is_in = (chroma >= low) & (chroma < high)
    shares = [float(w[is_in].sum() / w.sum()) for w in weight.values()]
    told = ", ".join(
        f"{s:4.0%} at λ = {x}" for x, s in zip(LAMBDAS, shares, strict=True)
    )
    print(f"chroma {low:3} to {high:3}: {told}")

# %% [markdown]
# ## What it does to the gradient
#
# The loss is the mean over pixels of weight × cross entropy, so its gradient by a
# pixel's logits is
#
# $$\frac{\partial L}{\partial \ell} = \frac{w}{N}\,(\mathrm{softmax}(\ell) - z).$$
#
# Take a network that has learnt the prior and nothing else: the same logits everywhere.
# The maps show the length of that gradient at each pixel: where the photograph pulls.

# %%
cells = ab[::4, ::4]
code = encode.soft_encode(cells, bins, neighbors=10, sigma=5.0)
logits = jnp.broadcast_to(jnp.log(prior + 1e-9), (*cells.shape[:2], len(prior)))
gradient = jax.jit(jax.grad(losses.rebalanced_cross_entropy))
pull = {
    f"λ = {x}": np.linalg.norm(gradient(logits, code, w[::4, ::4]), axis=-1)
    for x, w in weight.items()
}
# Each map is relative to its own mean: the size of a step is the optimizer's affair.
pull = {name: length / length.mean() for name, length in pull.items()}

# %%
figure = plots.maps(pull, columns=3, unit="relative gradient", is_logarithmic=True)
Image(plots.jpeg(figure))

# %% [markdown]
# ## What is learnt first
#
# The best answer that does not look at the photograph is, nearly, the prior times the
# weights, scaled to sum to one. A training learns it within its first steps. At λ = 1
# it is mostly gray; the smaller λ, the more alike are all colors. Their annealed means
# are not far apart: what differs is how much there is for the rare colors.

# %%
constant = {f"λ = {x}": prior * w / (prior * w).sum() for x, w in weights.items()}
marks = {
    name: {
        "T = 0.38": np.asarray(decode.annealed_mean(jnp.log(p), bins, temperature=0.38))
    }
    for name, p in constant.items()
}
Image(plots.png(plots.distributions(constant, bins.centers, marks=marks)))

# %%
for x, w in weights.items():
    loss = rebalance.constant_predictor_loss(jnp.asarray(prior * w))
    print(f"λ = {x}: the constant answer's loss is {loss:.2f} nats per pixel")

# %% [markdown]
# A training that stays at this loss has learnt nothing from its photographs; `jaxcolor
# train` logs it beside the loss.

# %% [markdown]
# ## What it does to pictures
#
# Of a pixel that may have any of some colors, each with its probability, training with
# weights $w$ teaches these probabilities times $w$, scaled to sum to one. So a trained
# network can be moved to another λ: multiply by the ratio of the weights, and scale.
# That is exact for a perfect network and targets of one bin; how near it comes to
# training at that λ, `experiments/README.md` tells. The bundled model was trained
# at λ = 1, without weights; its card says with which it is decoded.

# %%
photo = data.rocket()
pictures = {"photograph": photo}
for x in LAMBDAS:
    pictures[f"λ = {x}"] = Colorizer.load(rebalancing_lambda=x)(photo)
Image(plots.jpeg(plots.photographs(pictures, columns=2, marked={})))

# %%
for name, picture in pictures.items():
    a, b = np.moveaxis(np.asarray(cielab.rgb8_to_lab(picture)[..., 1:]), -1, 0)
    print(f"{name}: mean chroma {np.hypot(a, b).mean():.1f} CIELAB units")

# %% [markdown]
# ## To try
#
# - Another photograph: which of its parts gain weight?
# - The prior of your own photographs, from [the first notebook](01_ab_space.ipynb), in
#   place of `model.prior`.
# - Read the model at λ = 0 and at a higher temperature. Do they cancel?
#
# Next: [your own photograph](04_colorize.ipynb).
