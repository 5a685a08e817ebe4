"""The whole model: its graph, its inputs and outputs for any batch, checked before anyone gets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archcost.errors import ArchcostError
from archcost.exporters.weights import weights
from archcost.graph import INPUT, Network

OPSET, IR_VERSION = 18, 8
"""Of 2022: old enough for every runtime in use."""
LARGEST = 2**31 - 2**24
"""Bytes of weights that fit into one file of the format, with room for the rest."""
BATCH = "batch"


def serialized(network: Network, given: Mapping[str, Any] | None = None, seed: int = 0) -> bytes:
    """A network as an ONNX file, its nodes named as its layers.

    given: weights by module path, as a state_dict has them; without them random ones, by seed. Raises ArchcostError
    where onnx is not installed, an operator cannot be written, weights do not fit, or are too large for one file.
    """
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError:
        raise ArchcostError("onnx is not installed; export to ONNX needs it: pip install 'archcost[onnx]'") from None
    from archcost.exporters.onnx.at import At
    from archcost.exporters.onnx.graph import Graph
    from archcost.exporters.onnx.nodes import WRITERS, write

    for layer in network.layers:
        if layer.op.recipe(layer.source).name not in WRITERS:
            raise ArchcostError(f"{layer.name}: `{layer.kind}` cannot be written as ONNX")
    _fits(network)
    graph, held = Graph(), weights(network, given, seed)
    for layer in network.layers:
        graph.layer = layer.name
        graph.finish(write(At(graph, list(layer.inputs), layer, held.pop(layer.name))))

    def described(name: str, shape: Any) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *map(int, shape)])

    results = [layer.name for layer in network.layers if not network.readers[layer.name]]
    shapes = {layer.name: described(layer.name, layer.output_shape) for layer in network.layers}
    made = helper.make_graph(
        graph.nodes,
        network.document.name,
        [described(INPUT, network.input_shape)],
        [shapes[name] for name in results],
        list(graph.stored.values()),
        value_info=[info for name, info in shapes.items() if name not in results],
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="archcost",
        doc_string=network.document.source,
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _fits(network: Network) -> None:
    """Refuses weights that one file cannot hold."""
    total: Any = sum(layer.cost.params.value + layer.cost.buffers.value for layer in network.layers)
    if 4 * total > LARGEST:
        said = f"its weights take {4 * total / 2**30:.1f} GiB as float32; an ONNX file holds 2 GiB"
        raise ArchcostError(f"{network.document.name}: {said}")
