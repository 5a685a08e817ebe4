"""ONNX: one file that runtimes load, written node by node."""

from archcost.exporters.onnx.model import serialized

__all__ = ["serialized"]
