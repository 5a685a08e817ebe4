"""A PyTorch model traced on the meta device, and its trace written as a spec."""
