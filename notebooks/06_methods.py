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
# # One photograph, all methods
#
# The paper compares its method with others, and jaxcolor has them all. This notebook
# trains a tiny form of each for seconds, colorizes one photograph with all of them, and
# looks at how each turns the outputs of its network into colors.
#
# It shows how the methods differ, not which is best: the networks have a sixteenth of
# the published width, see pieces of six photographs for some seconds, and begin to
# memorize them. `python -m experiments.methods` compares the methods on equal terms, on
# photographs that they have not seen, and [methods](../docs/methods.md) describes them.

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
import os
from concurrent.futures import ThreadPoolExecutor

# This notebook compiles many programs and runs each for seconds, so compiling counts.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import jax
import jax.numpy as jnp
import numpy as np
from IPython.display import Image, Markdown
from PIL import Image as Pillow
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import Colorizer, plots
from jaxcolor.color import cielab, encode, hue_chroma, rebalance
from jaxcolor.models import initialization
from jaxcolor.pretrained import release
from jaxcolor.training import config, train_step

# %% [markdown]
# ## Parameters
#
# The environment variable `JAXCOLOR_STEPS` changes the length of the trainings. `WIDTH`
# multiplies the channels of every network; its least number of channels is eight.

# %%
STEPS = int(os.environ.get("JAXCOLOR_STEPS", "80"))
WIDTH, CROP, SIZE, BATCH = 1 / 16, 32, 64, 16

# %% [markdown]
# ## What a method is
#
# A method is a network, a head, an objective and a config. The network maps lightness
# to some outputs for every cell, a square of pixels as wide as the output stride. The
# head says what the outputs mean, and decodes them to colors. The objective is the loss
# of the training. The config names these three, and has all other numbers:
# `jaxcolor train --config NAME` trains the method at full size, `--config small/NAME`
# at a quarter of its width.
#
# | config | method |
# | --- | --- |
# | `zhang2016` | the full method of the paper: classification with rebalancing |
# | `zhang2016_no_rebalancing` | the same without rebalancing |
# | `l2` | the paper's network as a regression |
# | `larsson2016` | Larsson, Maire and Shakhnarovich 2016: hue and chroma |
# | `dahl2016` | Dahl 2016: a residual encoder |
# | `iizuka2016` | Iizuka, Simo-Serra and Ishikawa 2016: colors and classes of scenes |
# | `siggraph17` | Zhang et al. 2017: the user gives hints |
#
# The next table is computed from the configs at full size. No parameter is made for it:
# their shapes suffice.

# %%
LOSSES = {
    "zhang2016": "cross entropy, more weight for rare colors",
    "zhang2016_no_rebalancing": "cross entropy",
    "l2": "squared distance in ab",
    "larsson2016": "divergences of hue and of chroma",
    "dahl2016": "squared distance in UV, sharp and blurred",
    "iizuka2016": "squared distance in ab, cross entropy of the class",
    "siggraph17": "absolute distance in ab, cross entropy of bins",
    "bundled": "cross entropy, more weight for rare colors",
}


def row_of(name):
    settings = config.reading.read(name, [])
    network = config.build.network(settings, axis_name=None)
    lightness = jnp.zeros((1, 256, 256))
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), lightness, train=False)
    )
    size = sum(x.size for x in jax.tree.leaves(shapes["params"]))
    head = config.build.head(settings)
    cells = [name, settings.model.name, head.about, head.outputs, LOSSES[name]]
    cells += [network.output_stride, f"{size / 1e6:.1f}"]
    return [*cells, f"{network.flops(256, 256) / 1e9:.1f}"]


title = "config, network, predicts, outputs, loss, output stride, parameters / 10⁶"
columns = [*title.split(", "), "operations at 256 pixels / 10⁹"]
rows = [columns, ["---"] * len(columns), *map(row_of, LOSSES)]
Markdown("\n".join(f"| {' | '.join(map(str, row))} |" for row in rows))

# %% [markdown]
# ## Photographs
#
# Six sample photographs, which ship with scikit-image and scikit-learn, are for the
# training, and a seventh is not. A batch has random squares of the six, reduced to 32
# pixels. The label of a square says which photograph it is from; only Iizuka et al. use
# labels.

# %%
TRAINING = {
    "astronaut": data.astronaut(),
    "cat": data.chelsea(),
    "china": load_sample_image("china.jpg"),
    "coffee": data.coffee(),
    "flower": load_sample_image("flower.jpg"),
    "motorcycle": data.stereo_motorcycle()[0],
}


def square(pixels, *, top, left, side, size):
    cut = pixels[top : top + side, left : left + side]
    return np.asarray(Pillow.fromarray(cut).resize((size, size), Pillow.Resampling.BOX))


def batch(random):
    squares, labels = [], random.integers(len(TRAINING), size=BATCH)
    for label in labels:
        pixels = list(TRAINING.values())[label]
        height, width, _ = pixels.shape
        side = int(min(height, width) * random.uniform(0.4, 1))
        top, left = (
            random.integers(height - side + 1),
            random.integers(width - side + 1),
        )
        found = square(pixels, top=top, left=left, side=side, size=CROP)
        squares.append(found[:, :: random.choice([-1, 1])])
    return {"rgb": np.stack(squares), "label": labels.astype(np.int32)}


chances = np.random.default_rng(0)
batches = [batch(chances) for _ in range(STEPS)]
some = np.concatenate([one["rgb"] for one in batches[:4]])
sheet = plots.contact_sheet(some[:24].reshape(2, 12, CROP, CROP, 3))
figure = plots.photographs({"some squares": sheet}, columns=1, marked={})
Image(plots.jpeg(figure))

# %%
photo = square(TRAINING["flower"], top=0, left=150, side=427, size=256)
unseen = square(data.rocket(), top=0, left=100, side=427, size=256)

# %% [markdown]
# ## Train
#
# `train_quickly` does what `jaxcolor train` does, without files: from a config it
# builds network, objective and optimizer, and repeats the train step. The optimizer and
# the learning rate are the same for all methods. Most of the time goes into compiling
# the step, so two methods are trained at a time.

# %%
OVERRIDES = {
    "model.width": WIDTH,
    "model.momentum": 0.9,
    "pipeline.crop": CROP,
    "training.steps": STEPS,
    "schedule.peak": 0.003,
    "schedule.warmup": 5,
    "release.size": SIZE,
}
OVERRIDES_OF = {
    # The labels are of the six photographs.
    "iizuka2016": {"model.global_size": CROP, "model.classes": len(TRAINING)},
    # More and larger hints than in the config, and longer, so that they are learned.
    "siggraph17": {
        "training.steps": 2 * STEPS,
        "objective.hint_side": 8,
        "objective.hint_stop": 0.06,
        "objective.revealed_share": 0.5,
    },
}


def prior_of(head):
    ab = cielab.rgb8_to_lab(some)[..., 1:]
    code = encode.soft_encode(
        ab, head.gamut, neighbors=head.neighbors, sigma=head.sigma
    )
    counts = rebalance.accumulate(code, bins=head.outputs)
    return np.asarray(counts / counts.sum())


def settings_of(name):
    own = OVERRIDES | OVERRIDES_OF.get(name, {})
    overrides = [f"--config.{setting}={x}" for setting, x in own.items()]
    return config.reading.read(f"small/{name}", overrides)


def train_quickly(settings):
    network = config.build.network(settings, axis_name=None)
    head = config.build.head(settings)
    prior = None if head.gamut is None else prior_of(head)
    optimizer = config.build.optimizer(settings)

    # As in a training, every layer starts with outputs of unit scale.
    lightness, bias = cielab.rgb8_to_lab(some)[..., 0], jnp.asarray(head.bias(prior))

    def first_variables(key):
        return initialization.within_channel(
            network,
            network.init(key, lightness, train=False),
            lightness=lightness,
            head_mean=bias,
            head_deviation=settings.initialization.head_deviation,
        )

    # Random numbers of this kind compile faster.
    key = jax.random.key(0, impl="unsafe_rbg")
    variables = jax.jit(first_variables)(key)
    state = train_step.init_state(variables, optimizer, average=False)
    step = train_step.make_train_step(
        network,
        optimizer,
        config.build.objective(settings, prior),
        average_decay=0.0,
        degrade=None,
        axis_name=None,
    )
    step = jax.jit(step)
    for n in range(settings.training.steps):
        state, terms = step(state, batches[n % STEPS])
    model = release.assemble(
        config.build.description(settings),
        variables=jax.device_get(train_step.variables_of(state)),
        prior=prior,
        provenance={},
    )
    return model, float(terms["loss"])


# %%
# First, as it turns on the cache of compiled programs.
bundled = Colorizer.load()
names = [name for name in LOSSES if name != "bundled"]
# Reading a config runs it as a module, which threads must not do at the same time.
settings = [settings_of(name) for name in names]
with ThreadPoolExecutor(max_workers=2) as pool:
    trained = dict(zip(names, pool.map(train_quickly, settings), strict=True))
colorizers = {name: Colorizer(model) for name, (model, _) in trained.items()}
{name: round(loss, 3) for name, (_, loss) in trained.items()}

# %% [markdown]
# Those are the last losses, each in its own unit: they cannot be compared.
#
# ## Side by side
#
# The photograph is one of the six, so every tiny network has seen pieces of it, with
# their colors. The bundled model has not; it has learned from 26,000 others. The tiny
# networks know six photographs so far: what is right here is remembered, and each would
# do better with the photographs and the days of its full recipe. The bundled model
# gives the flower the green of leaves: lightness alone says little about its color.


# %%
def side_by_side(pixels, methods):
    pictures = {name: colorizers[name](pixels) for name in methods}
    pictures |= {"bundled": bundled(pixels), "truth": pixels}
    return Image(plots.jpeg(plots.photographs(pictures, columns=5, marked={})))


side_by_side(photo, names)

# %% [markdown]
# A photograph that none of them has seen. The tiny networks give it the colors of the
# six.

# %%
side_by_side(unseen, ["zhang2016", "l2", "siggraph17"])

# %% [markdown]
# ## Classification: the annealed mean
#
# `zhang2016` predicts a distribution over 313 bins of the ab plane. Decoding moves the
# distribution to the λ of the model and sharpens it by a temperature before it takes
# the mean. Near 0 that is the most likely bin; 1 is the mean itself.

# %%
full = colorizers["zhang2016"]
pictures = {f"T = {x}": full(unseen, temperature=x) for x in (0.01, 0.38, 1.0)}
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked={})))

# %% [markdown]
# ## Regression: the mean
#
# `l2`, `dahl2016` and `iizuka2016` predict one color, with a squared loss. The best
# answer is then the mean of all colors that are plausible: of an orange and a blue, a
# brownish gray. There is no distribution to go back to. The absolute loss of
# `siggraph17` leads to the median instead.
#
# The last picture above, T = 1, is decoded by such a mean, and has one tint where the
# first has several. It need not be grayer than the most likely color, which can be a
# gray itself, as in parts of the first sky. This is the mean chroma of each picture, in
# CIELAB units.


# %%
def mean_chroma(pixels):
    return float(jnp.linalg.norm(cielab.rgb8_to_lab(pixels)[..., 1:], axis=-1).mean())


{title: round(mean_chroma(x), 1) for title, x in pictures.items()}

# %% [markdown]
# ## Larsson et al.: hue and chroma, faded
#
# The network predicts a distribution of hue, which is a circle, and one of chroma. The
# color has the mean direction of the hue and the median of the chroma. Where the hues
# of the distribution disagree, their mean direction says nothing; the length of the
# mean vector, 1 where all agree and 0 where they cancel, then fades the chroma.

# %%
model, _ = trained["larsson2016"]
head = model.description.head
outputs = colorizers["larsson2016"].logits_of(photo)
hue, length = jnp.moveaxis(
    hue_chroma.circular_mean(jax.nn.softmax(outputs[..., : head.bins])), -1, 0
)
figure = plots.maps(
    {"agreement of hues": np.asarray(length)},
    columns=1,
    unit="length of the mean vector",
    is_logarithmic=False,
)
Image(plots.png(figure))

# %% [markdown]
# The chroma of HSV, from 0 to 1, before and after fading; means over the picture:

# %%
chroma = hue_chroma.median(jax.nn.softmax(outputs[..., head.bins :]))
faded = hue_chroma.faded(chroma, length, fading=head.fading)
{"before": round(float(chroma.mean()), 3), "after": round(float(faded.mean()), 3)}

# %% [markdown]
# ## Iizuka et al.: a class beside the color
#
# A branch of this network sees the whole photograph, and its features join those of
# every place. The same branch learns the class of the photograph, in the paper one of
# 205 scenes. Here the classes are the six photographs; the last row, the rocket, is
# none of them. After so few steps many rows are wrong.

# %%
model, _ = trained["iizuka2016"]
shown = {**TRAINING, "rocket": data.rocket()}
squares = [
    square(x, top=0, left=0, side=min(x.shape[:2]), size=SIZE) for x in shown.values()
]
_, extra = model.network.apply(
    model.variables,
    cielab.rgb8_to_lab(np.stack(squares))[..., 0],
    train=False,
    method="outputs_and_extra",
)
shares = np.asarray(jax.nn.softmax(extra["classes"]))
rows = [["photograph", *TRAINING], ["---"] * (1 + len(TRAINING))]
for name, row in zip(shown, shares, strict=True):
    rows.append([name, *(f"{x:.2f}" for x in row)])
Markdown("\n".join(f"| {' | '.join(row)} |" for row in rows))

# %% [markdown]
# ## Zhang et al. 2017: hints
#
# This network also sees the colors of a few places, and a mask that says where. In the
# training they are squares of the true colors at random; a user would click. Here are
# two, with their centers where the rings are: a blue for the flower, then a green for
# the background. This tiny network follows them only at their places, and only as far
# as it knows the color; a trained one spreads a hint over the whole object.

# %%
guided = colorizers["siggraph17"]
small = square(photo, top=0, left=0, side=len(photo), size=SIZE)
lightness = cielab.rgb8_to_lab(small)[None, ..., 0]
places = {"a blue hint": (26, 20, (20, -55)), "and a green one": (10, 48, (-45, 30))}
hints = np.zeros((1, SIZE, SIZE, 3), np.float32)
side, scale = 12, len(photo) // SIZE
pictures, marked = {"no hints": guided(photo)}, {}
for title, (row, column, ab) in places.items():
    hints[0, row : row + side, column : column + side] = (*ab, 1)
    outputs = guided.predict(lightness, hints=hints).outputs
    pictures[title] = guided.paint(photo, guided.decode(outputs)[0])
    marked[title] = scale * (row + side // 2), scale * (column + side // 2)
Image(plots.jpeg(plots.photographs(pictures, columns=3, marked=marked)))

# %% [markdown]
# ## To try
#
# - `JAXCOLOR_STEPS=1000`: the networks memorize the six photographs. Do the colors of
#   the rocket get better?
# - `python -m experiments.methods --train PHOTOS --test NAME=TEST@128 -o OUT` trains
#   all methods on the same crops of your photographs, for as many steps each, and
#   measures them on others.
