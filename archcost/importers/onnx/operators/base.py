"""What a translation is, and where it is kept; operators without arithmetic by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from archcost.importers.onnx.step import Step

Translation: TypeAlias = Callable[["Step"], bool | None]
"""Adds the calls that a node comes to; False where it cannot, and has added none."""

TRANSLATIONS: dict[tuple[str, str], Translation] = {}
"""(domain, operator) -> its translation."""

MICROSOFT = "com.microsoft"
"""The domain of what onnxruntime's optimizers put together."""


ARITHMETIC: set[tuple[str, str]] = set()
"""Operators that may have multiply-adds."""


def translates(*operators: str, domain: str = "", arithmetic: bool = False) -> Callable[[Translation], Translation]:
    """Keeps a translation under the names of its operators. arithmetic: they may have multiply-adds."""

    def keep(function: Translation) -> Translation:
        named = {(domain, operator): function for operator in operators}
        TRANSLATIONS.update(named)
        ARITHMETIC.update(named if arithmetic else ())
        return function

    return keep


_MAIN = (
    # layout, copies and gathers
    *(
        "BitCast",
        "CenterCropPad",
        "Col2Im",
        "Compress",
        "DepthToSpace",
        "EyeLike",
        "Expand",
        "Gather",
        "GatherElements",
    ),
    *("GatherND", "MaxUnpool", "OneHot", "Pad", "ReverseSequence", "Scatter", "ScatterElements", "ScatterND", "Slice"),
    *("SpaceToDepth", "TensorScatter", "Tile", "Trilu", "Unique", "ConstantOfShape", "Range", "Reshape", "Upsample"),
    *("Resize", "Concat", "Split", "Transpose", "Identity", "Cast", "CastLike", "Constant", "Shape", "Size"),
    # elements
    *("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Sin", "Sinh", "Tan", "Celu", "Elu", "Gelu"),
    *("Abs", "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mean", "Sum", "Mod", "Clip", "Selu", "Mish", "Swish"),
    *("HardSigmoid", "HardSwish", "Hardmax", "Shrink", "Softsign", "Softplus", "ThresholdedRelu", "PRelu", "SwiGLU"),
    *("And", "Or", "Not", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Where", "IsInf"),
    *("IsNaN", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "RotaryEmbedding", "Dropout"),
    # over several elements
    *("ArgMax", "ArgMin", "CumSum", "CumProd", "GlobalLpPool", "LpPool", "LRN", "LpNormalization", "LogSoftmax"),
    *(
        "MeanVarianceNormalization",
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "ReduceMax",
        "ReduceMean",
    ),
    *("ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Softmax", "TopK", "NonZero", "NonMaxSuppression"),
    *("MaxRoiPool", "RoiAlign", "GridSample", "AffineGrid", "MaxPool", "AveragePool", "GlobalAveragePool"),
    *("GlobalMaxPool", "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization"),
    *("RMSNormalization", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss", "BlackmanWindow", "HammingWindow"),
    *("HannWindow", "MelWeightMatrix", "TfIdfVectorizer"),
    # chance, words, and other precisions
    *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    *("StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "QuantizeLinear", "DequantizeLinear"),
    *("DynamicQuantizeLinear", "ImageDecoder"),
)

_FUSED = (
    *(
        "BiasAdd",
        "BiasDropout",
        "BiasSoftmax",
        "BiasSplitGelu",
        "BitmaskBiasDropout",
        "BitmaskDropout",
        "CropAndResize",
    ),
    *("EmbedLayerNormalization", "ExpandDims", "GatherND", "GemmaRotaryEmbedding", "GroupNorm", "MaxpoolWithMask"),
    *("NGramRepeatBlock", "Pad", "QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearGlobalAveragePool"),
    *("QLinearLeakyRelu", "QLinearMul", "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere"),
    *(
        "QuantizeLinear",
        "DequantizeLinear",
        "RelativePositionBias",
        "RemovePadding",
        "RestorePadding",
        "RotaryEmbedding",
    ),
    *("SkipGroupNorm", "Tokenizer", "Trilu", "Unique", "UnfoldTensor"),
)
FREE = frozenset(("", each) for each in _MAIN) | frozenset((MICROSOFT, each) for each in _FUSED)
"""Operators without multiply-adds of a product or a convolution, whatever else they compute."""


def known_free(domain: str, operator: str) -> bool:
    """Whether an operator has no multiply-adds, whatever its inputs."""
    key = ("" if domain == "ai.onnx" else domain, operator)
    return key in FREE or (key in TRANSLATIONS and key not in ARITHMETIC)
