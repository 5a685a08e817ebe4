"""`keras:NAME` for the models of keras.applications, and `model.keras` files: built without weights, read as graphs."""

from __future__ import annotations

import contextlib
import copy
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
Build = Callable[[Sequence[tuple[int, ...]]], Any]


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
    """build: (the inputs' shapes without the batch, as Keras has them, or none for the model's own) -> the model."""

    def __init__(self, keras: ModuleType, source: Source, build: Build) -> None:
        self.keras = keras
        self.source = source
        self.build = build
        self.following: frozenset[str] | None = None

    def traced(self, given: Sequence[Input]) -> tuple[Trace, list[Input]]:
        """(the trace, the inputs without the batch). Raises ArchcostError."""
        from archcost.importers.keras.walk import Walk

        last = self.keras.config.image_data_format() == "channels_last"
        shapes = [self._shape(each.sizes, last) for each in given]
        model = self._graph(shapes)
        if not given and _open(model) and len(model.inputs) == 1:
            model = self._graph([self._shape((3, _USUAL, _USUAL), last)])
        if _open(model):
            raise ArchcostError(f"{self.source} leaves sizes of its inputs open: {_read(model)}; give --input")
        if given and not _fits(model, shapes):
            reads = " and ".join(str(Input(_sizes(each.shape, last))) for each in model.inputs)
            raise ArchcostError(
                f"{self.source} reads {reads}, in this order (channels first); the input is "
                + " and ".join(map(str, given))
            )
        walk = Walk(str(self.source), model, last, self._following(model))
        return walk.trace.pruned(), [Input(walk.sample(name)) for name in walk.trace.inputs]

    def _following(self, model: Any) -> frozenset[str]:
        """Layers that pad by other amounts at another size of the input."""
        if self.following is None:
            mine = _paddings(model)
            try:
                other = _paddings(self._graph([_turned(each.shape[1:]) for each in model.inputs])) if mine else []
            except ArchcostError:
                other = mine
            pairs = zip(mine, other, strict=False)
            self.following = frozenset(name for (name, amounts), (_, there) in pairs if amounts != there)
        return self.following

    def _graph(self, shapes: Sequence[tuple[int, ...]]) -> Any:
        """The model as a graph of layers; a Sequential is one, once its input is known."""
        model = self._built(shapes)
        if type(model).__name__ == "Sequential":
            if not model.built and len(shapes) == 1:
                with _weightless(self.keras):
                    model.build((None, *shapes[0]))
            if not model.built:
                raise ArchcostError(f"{self.source} does not say what it reads: give --input, channels first")
            model = getattr(model, "_functional", None) or model
        if not hasattr(model, "_nodes_by_depth"):
            raise ArchcostError(f"{self.source} is no graph of layers, but a {type(model).__name__} of its own code")
        return model

    @staticmethod
    def _shape(sizes: tuple[int, ...], last: bool) -> tuple[int, ...]:
        return (*sizes[1:], sizes[0]) if last and len(sizes) > 2 else sizes

    def _built(self, shapes: Sequence[tuple[int, ...]]) -> Any:
        try:
            with quiet(), _weightless(self.keras):
                return self.build(shapes)
        except ArchcostError:
            raise
        except (Exception, SystemExit) as error:  # whatever a constructor raises
            at = f" at {' and '.join(map(str, shapes))}" if shapes else ""
            raise ArchcostError(f"{self.source}: building the model{at} failed: {said(error)}") from None


def _paddings(model: Any) -> list[tuple[str, Any]]:
    """(name, amounts) of the layers that pad, in order: Keras numbers names on and on."""
    return [(each.name, each.padding) for each in model.layers if type(each).__name__ == "ZeroPadding2D"]


def _turned(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple((size - 1 ^ _HALVINGS) + 1 if size > _CHANNELS else size for size in shape)


def _fits(model: Any, shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether these are the shapes of the model's inputs."""
    return [tuple(each.shape[1:]) for each in model.inputs] == list(shapes)


def _read(model: Any) -> str:
    return " and ".join(str(tuple(each.shape)) for each in model.inputs)


def _sizes(shape: Sequence[int], last: bool) -> tuple[int, ...]:
    """Sizes without the batch, channels in front."""
    found = tuple(shape[1:])
    return (found[-1], *found[:-1]) if last and len(found) > 2 else found


def _open(model: Any) -> bool:
    """Whether an input has sizes that are not known, beside the batch."""
    return any(size is None for each in getattr(model, "inputs", None) or () for size in each.shape[1:])


def _from_applications(keras: ModuleType, source: Source) -> Build:
    known = [name for name, each in vars(keras.applications).items() if name[0].isupper() and callable(each)]
    if source.name not in known:
        raise ArchcostError(unknown("Keras model", source.name, known))
    make = getattr(keras.applications, source.name)

    def build(shapes: Sequence[tuple[int, ...]]) -> Any:
        if len(shapes) > 1:
            raise ArchcostError(f"{source} reads one input, not {len(shapes)}")
        given = {"weights": None, **source.values}
        return make(**({**given, "input_shape": shapes[0]} if shapes else given))

    return build


def _from_file(keras: ModuleType, source: Source) -> Build:
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

    def build(shapes: Sequence[tuple[int, ...]]) -> Any:
        try:
            model = keras.saving.deserialize_keras_object(copy.deepcopy(config))  # it changes what it reads
        except Exception as error:
            own = sorted(_foreign(config))
            if not own:
                raise
            raise ArchcostError(
                f"{source} has code of its own, which archcost does not run: {', '.join(own)} ({said(error)})"
            ) from None
        inputs = getattr(model, "inputs", None) or ()
        if not shapes or not inputs or _fits(model, shapes):
            return model
        if len(shapes) != len(inputs):
            raise ArchcostError(f"{source} reads {len(inputs)} inputs, not {len(shapes)}: {_read(model)}")
        fresh = [keras.Input(shape, dtype=each.dtype) for shape, each in zip(shapes, inputs, strict=True)]
        return keras.models.clone_model(model, input_tensors=fresh if len(fresh) > 1 else fresh[0])

    return build


def _foreign(config: Any) -> set[str]:
    """Classes in a configuration that Keras itself does not have, and functions that are written out."""
    if isinstance(config, list):
        return set().union(*map(_foreign, config))
    if not isinstance(config, dict):
        return set()
    found = set().union(*map(_foreign, config.values()))
    name, module = config.get("class_name"), config.get("module")
    if isinstance(name, str):
        registered = config.get("registered_name")
        outside = isinstance(module, str) and module.partition(".")[0] not in ("keras", "builtins")
        if outside or (module is None and registered is not None) or name == "Lambda":
            found.add(name)
    return found


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
