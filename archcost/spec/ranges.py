"""Values as a command line writes them: 0.25:1:0.05, 128,160,192, 160x192."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from archcost.errors import ArchcostError

MOST_VALUES = 10_000_000


def values(text: str, what: str) -> list[str]:
    """A comma-separated list of values and ranges start:end[:step], ends included, in decimal.

    >>> values("0.25:0.4:0.05,1", "alpha")
    ['0.25', '0.30', '0.35', '0.40', '1']
    """
    found: list[str] = []
    for part in text.split(","):
        part = part.strip()
        if not part:
            raise ArchcostError(f"{what}: `{text}` has an empty entry")
        found += _range(part, what) if ":" in part else [part]
    return found


def _range(text: str, what: str) -> list[str]:
    try:
        numbers = [Decimal(part.strip()) for part in text.split(":")]
    except InvalidOperation:
        numbers = []
    if len(numbers) not in (2, 3) or not all(number.is_finite() for number in numbers):
        raise ArchcostError(f"{what}: `{text}` is no range; write start:end:step, such as 0.25:1:0.05")
    start, end, step = numbers if len(numbers) == 3 else (*numbers, Decimal(1))
    if any(abs(number.adjusted()) > 30 for number in numbers):
        raise ArchcostError(f"{what}: `{text}` is absurd")
    if step <= 0 or end < start:
        raise ArchcostError(f"{what}: `{text}` is an empty range; write start:end:step with start ≤ end and step > 0")
    if (end - start) / step >= MOST_VALUES:
        raise ArchcostError(f"{what}: `{text}` has more than {MOST_VALUES:,} values")
    return [str(start + i * step) for i in range(int((end - start) // step) + 1)]


def resolution(text: str) -> tuple[str, str] | str:
    """One size, or (height, width) written as 160x192."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) == 1:
        return parts[0]
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise ArchcostError(f"resolution: `{text}` is no size; write 160, or height × width as 160x192")
    return parts[0].strip(), parts[1].strip()


def assignments(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    """`name=value` texts as a mapping."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ArchcostError(f"`{text}`: write name=value, such as depth=0")
        if name.strip() in found:
            raise ArchcostError(f"`{name.strip()}` is set twice")
        found[name.strip()] = value.strip()
    return found


def reference(spec: str) -> tuple[str, dict[str, str]]:
    """A spec with settings: mobilenetv1@alpha=0.5,resolution=160,depth=0."""
    name, at, settings = spec.rpartition("@")
    if not at or "=" not in settings:
        return spec, {}
    return name, assignments(settings.split(","))
