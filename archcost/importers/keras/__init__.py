"""`keras:NAME` for the models of keras.applications, and `model.keras` files: built without weights, read as graphs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from archcost.errors import ArchcostError
from archcost.importers.packages import imported, quiet, said
from archcost.importers.reference import Input, Source
from archcost.importers.tracing.graph import Trace
from archcost.spec.names import unknown

_USUAL = 224
"""Height and width where a model leaves them open."""
_CHANNELS = 16
"""Sizes up to here are no heights or widths."""
_HALVINGS = 63
"""A size that differs from another, both less 1, in the lowest six bits is odd where that is even, halved up to five
times with what is left rounded up: that shows which paddings follow the size."""
_COMMAND = "keras torch"


def text(source: Source) -> str:
    """The spec of a Keras model, at its own input size unless the source says otherwise."""
    with _backend():
        keras = imported("keras", _COMMAND)
    build = (_from_file if source.file is not None else _from_applications)(keras, source)
    from archcost.importers.tracing.spec import spec_text

    model = _Model(keras, source, build)
    trace, inputs = model.traced(source.inputs)
    name = Path(source.name).stem if source.file is not None else source.name
    kind = "" if source.file is not None else f"keras.applications.{source.name}"
    return spec_text(trace, lambda other: model.traced(other)[0], inputs, name, str(source), kind)


class _Model:
    """build: (the input's shape without the batch, as Keras has it, or None for the model's own) -> the model."""

    def __init__(self, keras: ModuleType, source: Source, build: Callable[[tuple[int, ...] | None], Any]) -> None:
        self.keras = keras
        self.source = source
        self.build = build
        self.following: frozenset[str] | None = None

    def traced(self, given: Sequence[Input]) -> tuple[Trace, list[Input]]:
        """(the trace, the inputs without the batch). Raises ArchcostError."""
        from archcost.importers.keras.walk import Walk

        if len(given) > 1:
            raise ArchcostError(f"{self.source} reads one input, not {len(given)}")
        last = self.keras.config.image_data_format() == "channels_last"
        model = self._built(self._shape(given[0].sizes, last) if given else None)
        if not given and _open(model):
            sizes = (3, _USUAL, _USUAL)
            model = self._built(self._shape(sizes, last))
        if not hasattr(model, "_nodes_by_depth"):
            raise ArchcostError(f"{self.source} is no graph of layers, but a {type(model).__name__} of its own code")
        if _open(model):
            raise ArchcostError(f"{self.source} leaves sizes of its input open: {model.input_shape}; give --input")
        walk = Walk(str(self.source), model, last, self._following(model))
        return walk.trace.pruned(), [Input(walk.sample(name)) for name in walk.trace.inputs]

    def _following(self, model: Any) -> frozenset[str]:
        """Layers that pad by other amounts at another size of the input."""
        if self.following is None:
            shape = tuple(model.inputs[0].shape[1:])
            turned = tuple((size - 1 ^ _HALVINGS) + 1 if size and size > _CHANNELS else size for size in shape)
            mine = _paddings(model)
            try:
                other = _paddings(self._built(turned)) if mine else []
            except ArchcostError:
                other = mine
            pairs = zip(mine, other, strict=False)
            self.following = frozenset(name for (name, amounts), (_, there) in pairs if amounts != there)
        return self.following

    @staticmethod
    def _shape(sizes: tuple[int, ...], last: bool) -> tuple[int, ...]:
        return (*sizes[1:], sizes[0]) if last and len(sizes) > 2 else sizes

    def _built(self, shape: tuple[int, ...] | None) -> Any:
        try:
            with quiet(), _weightless(self.keras):
                return self.build(shape)
        except ArchcostError:
            raise
        except (Exception, SystemExit) as error:  # whatever a constructor raises
            at = f" at {shape}" if shape else ""
            raise ArchcostError(f"{self.source}: building the model{at} failed: {said(error)}") from None


def _paddings(model: Any) -> list[tuple[str, Any]]:
    """(name, amounts) of the layers that pad, in order: Keras numbers names on and on."""
    return [(each.name, each.padding) for each in model.layers if type(each).__name__ == "ZeroPadding2D"]


def _open(model: Any) -> bool:
    """Whether an input has sizes that are not known, beside the batch."""
    return any(size is None for each in getattr(model, "inputs", None) or () for size in each.shape[1:])


def _from_applications(keras: ModuleType, source: Source) -> Callable[[tuple[int, ...] | None], Any]:
    known = [name for name, each in vars(keras.applications).items() if name[0].isupper() and callable(each)]
    if source.name not in known:
        raise ArchcostError(unknown("Keras model", source.name, known))
    make = getattr(keras.applications, source.name)

    def build(shape: tuple[int, ...] | None) -> Any:
        given = {"weights": None, **source.values}
        return make(**({**given, "input_shape": shape} if shape else given))

    return build


def _from_file(keras: ModuleType, source: Source) -> Callable[[tuple[int, ...] | None], Any]:
    """The model that a file describes; its weights stay in it."""
    path = Path(source.name)
    if not path.is_file():
        raise ArchcostError(f"{path} is no file" if path.exists() else f"there is no file {path}")
    if source.arguments:
        raise ArchcostError(f"{source}: a file holds a model as it was built; --kwargs are for building one")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ArchcostError(f"{path} is no file of Keras 3: {said(error)}") from None
    config.pop("compile_config", None)

    def build(shape: tuple[int, ...] | None) -> Any:
        model = keras.saving.deserialize_keras_object(config)
        if not shape or tuple(model.inputs[0].shape[1:]) == shape:
            return model
        return keras.models.clone_model(model, input_tensors=keras.Input(shape))

    return build


@contextlib.contextmanager
def _backend() -> Iterator[None]:
    """While it lasts, Keras takes torch, unless it is there already or the user has chosen."""
    if "keras" in sys.modules or "KERAS_BACKEND" in os.environ:
        yield
        return
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        yield
    finally:
        del os.environ["KERAS_BACKEND"]


@contextlib.contextmanager
def _weightless(keras: ModuleType) -> Iterator[None]:
    """While it lasts, weights take no memory; only torch can do that."""
    if keras.config.backend() == "torch":
        with keras.device("meta"):
            yield
    else:
        yield
