"""Functions that opsets without them spell out, put together again: SiLU, hard swish, GELU, layer norm."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from archcost.importers.tracing.graph import Call, Ref, Trace


def recognised(trace: Trace) -> Trace:
    """The trace with one call for each of them."""
    return _Calls(trace).rewritten()


class _Calls:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.calls = {call.name: call for call in trace.calls}
        self.readers = Counter(name for call in trace.calls for name in set(call.reads))
        self.readers.update(trace.outputs)

    def rewritten(self) -> Trace:
        found = []
        for call in self.trace.calls:
            for pattern in _PATTERNS.get(call.operator, ()):
                match = pattern(self, call) if call.namespace == "aten" else None
                if match is not None:
                    call = self.calls[call.name] = match
                    break
            found.append(call)
        whole = dataclasses.replace(self.trace, calls=found)
        return whole.pruned()

    def made(self, ref: Any, operator: str, readers: int = 1) -> Call | None:
        """The call that makes a tensor, if it is one of this operator and so many others read it."""
        call = self.calls.get(ref.name) if isinstance(ref, Ref) else None
        fits = call is not None and call.namespace == "aten" and call.operator == operator
        return call if fits and self.readers[ref.name] == readers else None

    def shape(self, ref: Ref) -> tuple[int, ...]:
        return self.calls[ref.name].shape if ref.name in self.calls else self.trace.origins[ref.name].shape

    def with_number(self, ref: Any, operator: str, number: float) -> Any:
        """x of `x operator number`; None for anything else."""
        call = self.made(ref, operator)
        return _by(call, number) if call is not None else None


def _by(call: Call, number: float) -> Any:
    by = call.arguments.get("other", call.arguments.get("exponent"))
    alike = isinstance(by, (int, float)) and math.isclose(by, number, rel_tol=1e-4)
    return call.arguments["self"] if alike else None


def _pairs(call: Call) -> Iterator[tuple[Any, Any]]:
    """Both orders of the two tensors that a call reads."""
    a, b = call.arguments.get("self"), call.arguments.get("other")
    if isinstance(a, Ref) and isinstance(b, Ref):
        yield a, b
        yield b, a


def _as(call: Call, operator: str, x: Ref) -> Call:
    return dataclasses.replace(call, operator=operator, arguments={"self": x})


def _gated(calls: _Calls, call: Call) -> Call | None:
    """x · sigmoid(x), and the hard ones."""
    for x, gate in _pairs(call):
        for inner, outer in (("sigmoid", "silu"), ("hardsigmoid", "hardswish")):
            made = calls.made(gate, inner)
            if made is not None and made.arguments["self"] == x:
                return _as(call, outer, x)
        sixth = calls.with_number(gate, "div", 6) or calls.with_number(gate, "mul", 1 / 6)
        if sixth is not None and _ramp(calls, sixth) == x:
            return _as(call, "hardswish", x)
    return None


def _ramp(calls: _Calls, ref: Any) -> Any:
    """x of min(max(x + 3, 0), 6)."""
    clamped = calls.made(ref, "clamp")
    if clamped is None or (clamped.arguments["min"], clamped.arguments["max"]) != (0, 6):
        return None
    return calls.with_number(clamped.arguments["self"], "add", 3)


def _ramped(calls: _Calls, call: Call) -> Call | None:
    """x · min(max(x + 3, 0), 6) / 6, or the ramp alone, a hard sigmoid."""
    inner = _by(call, 6 if call.operator == "div" else 1 / 6)
    if inner is None:
        return None
    product = calls.made(inner, "mul")
    if product is None:
        x = _ramp(calls, inner)
        return _as(call, "hardsigmoid", x) if x is not None else None
    for x, gate in _pairs(product):
        if _ramp(calls, gate) == x:
            return _as(call, "hardswish", x)
    return None


def _gelu(calls: _Calls, call: Call) -> Call | None:
    """x / 2 · (1 + erf(x / √2)), in any order."""
    factors: list[Any] = []
    half = False
    waiting: list[Any] = [call]
    while waiting:
        each = waiting.pop()
        if (inner := _by(each, 0.5)) is not None:
            half, parts = True, [inner]
        else:
            parts = [each.arguments["self"], each.arguments["other"]]
        for part in parts:
            made = calls.made(part, "mul")
            if made is not None and len(factors) + len(waiting) < 4:
                waiting.append(made)
            else:
                factors.append(part)
    if not half or len(factors) != 2:
        return None
    for x, gate in (factors, factors[::-1]):
        erf = calls.made(calls.with_number(gate, "add", 1), "erf")
        if erf is not None:
            scaled = erf.arguments["self"]
            inside = calls.with_number(scaled, "div", math.sqrt(2)) or calls.with_number(scaled, "mul", math.sqrt(0.5))
            return _as(call, "gelu", x) if inside is not None and inside == x else None
    return None


def _layer_norm(calls: _Calls, call: Call) -> Call | None:
    """(x - mean) / √(variance + ε) · weight + bias, over the last axis."""
    for scaled, bias in _pairs(call):
        product = calls.made(scaled, "mul")
        for normal, weight in _pairs(product) if product is not None else ():
            ratio = calls.made(normal, "div")
            x = _standardised(calls, ratio) if ratio is not None else None
            if x is None or not all(_vector(calls, ref, call.shape[-1]) for ref in (weight, bias)):
                continue
            over = [call.shape[-1]]
            arguments = {"input": x, "normalized_shape": over, "weight": weight, "bias": bias}
            return dataclasses.replace(call, operator="layer_norm", arguments=arguments)
    return None


def _group_norm(calls: _Calls, call: Call) -> Call | None:
    """Channels in groups as so many instances, normalised, then · weight + bias by channel."""
    channels = call.shape[1] if len(call.shape) > 1 else 0
    for scaled, bias in _pairs(call):
        product = calls.made(scaled, "mul")
        for normal, weight in _pairs(product) if product is not None else ():
            back = calls.made(normal, "reshape") or calls.made(normal, "group_norm")
            plain = _grouped(calls, back) if back is not None else None
            if plain is not None and all(_vector(calls, ref, channels) for ref in (weight, bias)):
                arguments = {**plain.arguments, "weight": weight, "bias": bias}
                return dataclasses.replace(plain, name=call.name, path=call.path, arguments=arguments)
    return None


def _grouped(calls: _Calls, call: Call) -> Call | None:
    """The norm of groups of channels without weights, from a norm of instances between two reshapes."""
    if call.operator == "group_norm":
        return call if call.arguments["weight"] is None else None
    norm = calls.made(call.arguments["self"], "group_norm")
    grouped = calls.made(norm.arguments["input"], "reshape") if norm is not None else None
    if norm is None or grouped is None or len(call.shape) < 2:
        return None
    x, groups = grouped.arguments["self"], norm.arguments["num_groups"]
    if call.shape != calls.shape(x) or call.shape[1] % groups:
        return None
    arguments = {"input": x, "num_groups": groups, "weight": None, "bias": None}
    return dataclasses.replace(call, operator="group_norm", arguments=arguments)


def _unweighted(calls: _Calls, call: Call) -> Call | None:
    norm = calls.made(call.arguments["self"], "group_norm")
    return _grouped(calls, call) if norm is not None and norm.arguments["weight"] is None else None


def _standardised(calls: _Calls, ratio: Call) -> Any:
    """x of (x - mean) / √(mean of (x - mean)² + ε)."""
    centred = calls.made(ratio.arguments["self"], "sub", readers=2)
    root = calls.made(ratio.arguments["other"], "sqrt")
    shifted = calls.made(root.arguments["self"], "add") if root is not None else None
    if centred is None or shifted is None or isinstance(shifted.arguments["other"], Ref):
        return None
    variance = calls.made(shifted.arguments["self"], "mean")
    squares = variance.arguments["self"] if variance is not None and _last(variance) else None
    if calls.with_number(squares, "pow", 2) != Ref(centred.name):
        return None
    mean = calls.made(centred.arguments["other"], "mean")
    x = centred.arguments["self"]
    return x if mean is not None and _last(mean) and mean.arguments["self"] == x else None


def _last(mean: Call) -> bool:
    return bool(mean.arguments["keepdim"]) and mean.arguments["dim"] == [len(mean.shape) - 1]


def _vector(calls: _Calls, ref: Ref, size: int) -> bool:
    while (call := calls.calls.get(ref.name)) is not None and call.operator in ("alias", "to"):
        ref = call.arguments["self"]
    origin = calls.trace.origins.get(ref.name)
    return origin is not None and origin.kind == "parameter" and origin.elements == size and size in origin.shape


_Pattern = Callable[[_Calls, Call], Call | None]
_PATTERNS: dict[str, tuple[_Pattern, ...]] = {
    "mul": (_gated, _ramped, _gelu),
    "div": (_ramped,),
    "add": (_layer_norm, _group_norm),
    "reshape": (_unweighted,),
}
"""By the operator of the last call."""
