"""Where a layer's module stands in the PyTorch module of a network: one rule for what is built and what is exported."""

from __future__ import annotations

from archcost.graph import Network

MODULE_NAMES = frozenset(
    (
        *("T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile"),
        *("cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer"),
        *("get_extra_state", "get_parameter", "get_submodule", "half", "ipu", "load_state_dict", "modules", "mtia"),
        *("named_buffers", "named_children", "named_modules", "named_parameters", "parameters"),
        *("register_backward_hook", "register_buffer", "register_forward_hook", "register_forward_pre_hook"),
        *("register_full_backward_hook", "register_full_backward_pre_hook", "register_load_state_dict_post_hook"),
        *("register_load_state_dict_pre_hook", "register_module", "register_parameter"),
        *("register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_", "set_extra_state"),
        *("set_submodule", "share_memory", "state_dict", "to", "to_empty", "train", "training", "type", "xpu"),
        *("zero_grad",),
    )
)
"""What torch.nn.Module has already."""


def module_paths(network: Network) -> dict[str, str]:
    """The module path of each layer: its name in the spec, as far as PyTorch lets it be.

    A part that nn.Module has already, such as `half`, that is private, or that another layer has, gets an underscore.
    """
    found: dict[str, str] = {}
    leaves: set[str] = set()
    containers: set[str] = set()
    for layer in network.layers:
        *outer, last = (_part(part) for part in layer.name.split("."))
        prefix = ""
        for part in outer:
            while prefix + part in leaves:
                part += "_"
            containers.add(prefix + part)
            prefix += f"{part}."
        while prefix + last in leaves or prefix + last in containers:
            last += "_"
        leaves.add(prefix + last)
        found[layer.name] = prefix + last
    return found


def _part(name: str) -> str:
    name = name.replace("/", "_")
    return f"{name}_" if name in MODULE_NAMES or name.startswith("_") else name
