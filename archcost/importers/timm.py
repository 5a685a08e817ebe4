"""`timm:NAME`: the models of timm, without weights."""

from __future__ import annotations

from archcost.errors import ArchcostError
from archcost.importers.blueprint import Blueprint
from archcost.importers.packages import imported
from archcost.importers.reference import Input, Source
from archcost.spec.names import unknown


def text(source: Source) -> str:
    """The spec of a timm model, at the input size of its own configuration unless the source says otherwise."""
    plan = blueprint(source)
    from archcost.importers.torch import imported_spec

    return imported_spec(source, plan.build, plan.inputs, plan.name, plan.resized)


def blueprint(source: Source) -> Blueprint:
    """How timm makes it."""
    imported("torch", "'archcost[torch]'")
    timm = imported("timm")
    if not timm.is_model(source.name):
        raise ArchcostError(unknown("timm model", source.name.partition(".")[0], timm.list_models()))

    def build(**more: object) -> object:
        return timm.create_model(source.name, pretrained=False, **{**source.values, **more})

    usual = _input_size(timm, source.name)
    inputs = source.inputs or (Input(usual),)
    other = {} if inputs[0].sizes == usual or len(inputs[0].sizes) != 3 else {"img_size": inputs[0].sizes[1:]}
    return Blueprint(build, inputs, source.name, other)


def _input_size(timm: object, name: str) -> tuple[int, ...]:
    found = timm.get_pretrained_cfg(name)  # type: ignore[attr-defined]
    size = getattr(found, "input_size", None) or (3, 224, 224)
    return tuple(int(each) for each in size)
