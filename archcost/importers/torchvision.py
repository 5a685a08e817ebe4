"""`torchvision:NAME`: the models of torchvision, without weights."""

from __future__ import annotations

from archcost.errors import ArchcostError
from archcost.importers.blueprint import Blueprint
from archcost.importers.packages import imported
from archcost.importers.reference import Input, Source
from archcost.spec.names import unknown

_LARGER = {"inception_v3": 299}
"""Input sizes other than 224: the ones in the models' own papers."""


def text(source: Source) -> str:
    """The spec of a torchvision model, at 3×224×224 unless the source says otherwise."""
    plan = blueprint(source)
    from archcost.importers.torch import imported_spec

    return imported_spec(source, plan.build, plan.inputs, plan.name, plan.resized)


def blueprint(source: Source) -> Blueprint:
    """How torchvision makes it."""
    imported("torch", "'archcost[torch]'")
    models = imported("torchvision", "torchvision").models
    known = models.list_models()
    if source.name not in known:
        raise ArchcostError(unknown("torchvision model", source.name, known))
    usual = _LARGER.get(source.name, 224)
    inputs = source.inputs or (Input((3, usual, usual)),)
    values = source.values
    builder = models.get_model_builder(source.name)
    given = {"weights": None, **({"weights_backbone": None} if _has_backbone(builder) else {}), **values}

    def build(**more: object) -> object:
        return builder(**{**given, **more})

    other = (
        {} if len(inputs[0].sizes) != 3 or inputs[0].sizes[1:] == (usual, usual) else {"image_size": inputs[0].sizes[1]}
    )
    return Blueprint(build, inputs, source.name, other)


def _has_backbone(builder: object) -> bool:
    import inspect

    return "weights_backbone" in inspect.signature(builder).parameters  # type: ignore[arg-type]
