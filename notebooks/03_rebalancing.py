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
# Most pixels of most photographs are nearly gray: sky, walls, pavement. If all pixels
# weigh the same, a network learns to predict gray. The paper weights each pixel by how
# rare its color is; λ controls how much. This is section 2.2 of [Zhang, Isola and Efros
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
import jax
import jax.numpy as jnp
import numpy as np
from IPython.display import Image
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import Colorizer, plots, pretrained
from jaxcolor.color import cielab, decode, encode, gamut, losses, rebalance

bins = gamut.from_srgb(spacing=10.0)
LAMBDAS = (0.0, 0.5, 1.0)

# %% [markdown]
# ## From the prior to weights
#
# The prior $p$ is the share of each bin in the training photographs; here, those of the
# bundled model. The weight of a bin is
#
# $$w_q \propto \left((1 - \lambda)\, p_q + \frac{\lambda}{Q}\right)^{-1},
# \qquad \sum_q p_q w_q = 1,$$
#
# where $Q$ is the number of bins that are not empty. At λ = 1 all weights are one; at λ
# = 0 a weight is the inverse of the share. The paper uses λ = 0.5.

# %%
model = pretrained.load("bundled")
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
    x="share of the bin in the training pixels",
    y="weight of the bin",
    is_logarithmic=True,
    verticals={},
)
Image(plots.png(figure))

# %% [markdown]
# At λ = 0 the rarest bin weighs a billion times as much as gray: a few outlier pixels
# would dominate the training. The uniform part bends the curve: at λ = 0.5, all bins
# that are rarer than about 1/Q weigh nearly the same.

# %% [markdown]
# ## On a photograph
#
# The weight of a pixel is that of its nearest bin.

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
# How is the total weight distributed over pixels of low and high chroma?

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
# ## The effect on the gradient
#
# The loss is the mean over pixels of weight × cross entropy, so its gradient with
# respect to the logits of a pixel is
#
# $$\frac{\partial L}{\partial \ell} = \frac{w}{N}\,(\mathrm{softmax}(\ell) - z).$$
#
# Consider a network that has learned only the prior: the same logits everywhere. The
# maps show the length of this gradient at each pixel: which parts of the photograph
# drive the training.

# %%
cells = ab[::4, ::4]
code = encode.soft_encode(cells, bins, neighbors=10, sigma=5.0)
logits = jnp.broadcast_to(jnp.log(prior + 1e-9), (*cells.shape[:2], len(prior)))
gradient = jax.jit(jax.grad(losses.rebalanced_cross_entropy))
pull = {
    f"λ = {x}": np.linalg.norm(gradient(logits, code, w[::4, ::4]), axis=-1)
    for x, w in weight.items()
}
# Each map is relative to its own mean: the optimizer sets the size of a step.
pull = {name: length / length.mean() for name, length in pull.items()}

# %%
figure = plots.maps(pull, columns=3, unit="relative gradient", is_logarithmic=True)
Image(plots.jpeg(figure))

# %% [markdown]
# ## What is learned first
#
# The best prediction that ignores the photograph is, approximately, the prior times the
# weights, normalized. A training learns it within its first steps. At λ = 1 it is
# mostly gray; the smaller λ is, the more equal all colors are. The annealed means are
# close to each other: the difference is the probability of the rare colors.

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
    print(f"λ = {x}: the constant prediction has a loss of {loss:.2f} nats per pixel")

# %% [markdown]
# A training that stays at this loss has learned nothing from its photographs. `jaxcolor
# train` logs this value beside the loss.

# %% [markdown]
# ## The effect on pictures
#
# If the color of a pixel is uncertain, training with weights $w$ teaches a network the
# probabilities times $w$, normalized. So a trained network can be decoded with another
# λ: multiply its distribution by the ratio of the weights, and normalize. This is exact
# for a perfect network and targets of one bin; `experiments/README.md` measures how
# close it is to training at that λ. The bundled model was trained at λ = 1, without
# weights; its card says with which λ it is decoded.

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
# - Use another photograph: which of its parts gain weight?
# - Use the prior of your own photographs, from [the first notebook](01_ab_space.ipynb),
#   in place of `model.prior`.
# - Decode with λ = 0 and a higher temperature. Do the effects cancel?
#
# Next: [your own photograph](04_colorize.ipynb).
