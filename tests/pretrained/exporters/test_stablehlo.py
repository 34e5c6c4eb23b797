"""An exported program computes the same, at sizes other than those it was made with."""

import jax
import numpy as np
from jax import export

from jaxcolor.color import compose
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained.exporters import stablehlo
from tests.pretrained.exporters import drawn


def test_an_exported_program_computes_the_same_at_every_size():
    model = drawn.model(drawn.description("zhang2016"))
    content = stablehlo.encode(model, has_logits=True)
    read = export.deserialize(bytearray(content))
    assert set(read.platforms) == {"cpu", "cuda", "tpu"}
    colorizer = Colorizer(model, temperature=0.3, rebalancing_lambda=0.7)
    for shape in ((1, 32, 24), (2, 24, 40)):
        lightness = drawn.lightness(*shape)
        found = read.call(lightness, np.float32(0.3), np.float32(0.7))
        logits = colorizer.logits(lightness[:, 0])
        ab = jax.jit(compose.enlarge)(colorizer.decode(logits), lightness[:, 0])
        for name, wanted in (("ab", ab), ("logits", logits)):
            mine = np.moveaxis(np.asarray(found[name]), 1, -1)
            # Float32 in another order.
            np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-3)
