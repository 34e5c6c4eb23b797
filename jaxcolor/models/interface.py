"""The interface of networks: all that other modules need to know about one."""

from typing import Any, NamedTuple, Protocol, runtime_checkable


class OuterLayers(NamedTuple):
    """The layers that depend on what a network sees and on what it predicts.

    Attributes:
        first: name of the first convolution in the parameters, as "encoder/stem".
        last: name of the last layer: its bias is the constant part of the outputs.
    """

    first: str
    last: str


class Encoder(NamedTuple):
    """The part of a network that published weights of a classifier fit.

    Attributes:
        kind: the classifier: "efficientnet_lite" or "vgg16".
        module: name of the part in the parameters.
        gray_mean: of a part that sees one channel: what the network subtracts from the
            gray level in [0, 1] before. With three channels, and for
            "efficientnet_lite", the normalization is the classifier's own.
    """

    kind: str
    module: str
    gray_mean: float = 0.0


@runtime_checkable
class Network(Protocol):
    """A Linen module from lightness to outputs, applied as `network.apply(...)`.

    `__call__(lightness, *, train)` gives float32 outputs (b, h / stride, w / stride,
    outputs) of a lightness (b, h, w) in [0, 100]. `outputs_and_features`, where there
    is one, gives the same outputs and the input of the last layer;
    `outputs_and_extra`, where there are extra outputs, the same outputs and a
    dictionary of the others. All of them take the extra inputs as keyword arguments.
    In training, `apply` gets a random key named "dropout". A network with a field
    `detached` stops the gradient of the outputs that it names, see
    `training.objectives.Objective`.
    """

    @property
    def outputs(self) -> int:
        """Number of outputs for each pixel of the output map."""

    @property
    def input_multiple(self) -> int:
        """Height and width of the lightness are multiples of it, pixels."""

    @property
    def output_stride(self) -> int:
        """Pixels of the lightness, along each axis, for one pixel of the output."""

    @property
    def outer_layers(self) -> OuterLayers:
        """Names of the first and the last layer."""

    @property
    def extra_inputs(self) -> tuple[str, ...]:
        """Names of inputs besides lightness, such as ("hints",); usually none.

        Each may be None: the network colorizes from the lightness alone then.
        """

    @property
    def extra_outputs(self) -> tuple[str, ...]:
        """Names of what a training also learns, such as ("classes",); usually none."""

    @property
    def encoder(self) -> Encoder | None:
        """The part that can start from published weights; None without one."""

    @property
    def has_features(self) -> bool:
        """Whether it has the method `outputs_and_features`."""

    def flops(self, height: int, width: int) -> int:
        """Returns the operations of a forward pass; a multiply-add counts as two."""

    def init(self, rngs: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns random variables, as every Linen module."""

    def apply(self, variables: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns outputs, as every Linen module."""

    def clone(self, **changes: Any) -> Any:
        """Returns the network with other fields, as every Linen module."""


def check_size(network: Network, height: int, width: int) -> None:
    """Refuses a lightness of a size that the network cannot see.

    Raises:
        ValueError: naming the size and the multiple.
    """
    multiple = network.input_multiple
    if height % multiple or width % multiple:
        raise ValueError(
            f"lightness is {height}x{width} pixels;"
            f" height and width must be multiples of {multiple}"
        )
