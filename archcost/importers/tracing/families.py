"""How families of networks round their widths, each as its own code does it, which stands beside it.

A rule for an `out` is the first whose pattern is found in the layer's name and that holds there. What it says may name
{times}, the width over the channels that the layer reads, or {share}, those over the width; it holds where that is a
whole number. `4 * channels()` holds where the width is four times those channels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from archcost.spec.scaling import FIXED, GROW

_MULTIPLE = re.compile(r"(\d+) \* channels\(\)")


@dataclass(frozen=True, slots=True)
class Family:
    """divisible: widths go to multiples of 8, none losing over a tenth. rules: pattern -> `grow`, `fixed`, or an
    expression."""

    divisible: bool
    rules: tuple[tuple[str, str], ...] = ()

    def rule(self, name: str, base: int, channels: int) -> str | None:
        """What the family says of a layer at α 1, filled in; None where it follows α as others do."""
        times, share = Fraction(base, channels), Fraction(channels, base)
        for pattern, said in self.rules:
            if re.search(pattern, name) is None or ("{share}" in said and share.denominator != 1):
                continue
            if "{times}" in said and (times.denominator != 1 or times < 2):
                continue
            literal = _MULTIPLE.fullmatch(said)
            if literal is None or times == int(literal[1]):
                return said.format(times=times, share=share)
        return None


_EXPANSION = "{times} * channels()"
_LAST = r"^features\.(?!0\.)\d+\.0$"

FAMILIES = {
    # mobilenetv2.py: _make_divisible(c * width_mult, 8); hidden_dim = round(inp * expand_ratio);
    # last_channel * max(1.0, width_mult)
    "torchvision.models.mobilenetv2.MobileNetV2": Family(True, ((_LAST, GROW), (r"\.conv\.0\.0$", _EXPANSION))),
    # mnasnet.py: _get_depths rounds to multiples of 8; mid_ch = in_ch * expansion_factor; the last 1280 stay
    "torchvision.models.mnasnet.MNASNet": Family(True, ((r"^layers\.14$", FIXED), (r"\.layers\.0$", _EXPANSION))),
    # mobilenetv3.py: adjust_channels on every width of the table; squeezed to a quarter of the expanded; the last
    # convolution has 6 times its input
    "torchvision.models.mobilenetv3.MobileNetV3": Family(
        True, ((_LAST, "6 * channels()"), (r"\.fc1$", "round_to(channels() // 4, 8)"))
    ),
    # efficientnet.py: adjust_channels on widths; squeezed to max(1, input_channels // 4); the last convolution has
    # four times its input, or 1280 in version 2
    "torchvision.models.efficientnet.EfficientNet": Family(
        True,
        (
            (r"\.block\.0\.0$", _EXPANSION),
            (r"\.fc1$", "max(1, channels() // {share})"),
            (_LAST, "4 * channels()"),
            (_LAST, FIXED),
        ),
    ),
    # keras.applications.mobilenet: filters = int(filters * alpha)
    "keras.applications.MobileNet": Family(False),
    # keras.applications.mobilenet_v2: _make_divisible(filters * alpha, 8); expansion * in_channels; the last
    # convolution grows only
    "keras.applications.MobileNetV2": Family(True, ((r"^Conv_1$", GROW), (r"_expand$", _EXPANSION))),
}
"""By the full name of a model's class, or of what makes it."""

MOBILE = Family(True, ((r"", _EXPANSION),))
"""Of networks with depthwise convolutions and widths in multiples of 8: only convolutions that a depthwise one reads
are asked."""

_SHUFFLENET_HALVES = {24: "0.5", 58: "1", 88: "1.5", 122: "2"}
"""ShuffleNetV2 (shufflenetv2.py): half of stage 2's width, and the width multiplier that it is known under."""


def shufflenet(name: str, base: int, first: int) -> str | None:
    """What an `out` of ShuffleNetV2 is: by the paper's table, straight lines between its points.

    first: half of stage 2's width.
    """
    known = _SHUFFLENET_HALVES.get(first)
    if known is None:
        return None
    alpha = "$alpha" if known == "1" else f"$alpha * {known}"
    if name.startswith("conv1"):
        return FIXED
    if name.startswith("conv5"):
        return f"round(max(1024, interpolate({alpha}, 1.5, 1024, 2, 2048)))"
    points = ", ".join(f"{width}, {half}" for half, width in _SHUFFLENET_HALVES.items())
    return f"{base // first} * round(interpolate({alpha}, {points}))"


SHUFFLENET = "torchvision.models.shufflenetv2.ShuffleNetV2"
