"""The outcome of a validation as text."""

from __future__ import annotations

from archcost.analysis import Validation

MOST_SHOWN = 20


def text(validation: Validation) -> str:
    """One line where all agrees; else the layers that differ, one line each."""
    counted = ", ".join(
        f"{name} {count:,}" for name, count in sorted(validation.operators.items(), key=lambda item: -item[1])
    )
    verdict = "ok" if validation.ok else f"{len(validation.differences)} DIFFERENCES"
    lines = [
        f"{validation.spec}: {verdict}: {validation.compared:,} figures compared; fvcore counts {counted or 'nothing'}"
    ]
    if validation.unseen:
        unseen = f"{len(validation.unseen)} layers that fvcore cannot see, checked against FlopCounterMode"
        lines.append(f"  {unseen}: {', '.join(validation.unseen)}")
    lines += [f"  {difference}" for difference in validation.differences[:MOST_SHOWN]]
    if len(validation.differences) > MOST_SHOWN:
        lines.append(f"  … and {len(validation.differences) - MOST_SHOWN} more")
    return "\n".join(lines)
