"""PyTorch: one Python file that a person could have written."""

from archcost.exporters.torch.file import source

__all__ = ["source"]
