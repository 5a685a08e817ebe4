"""Latency: what was measured, the profile of a device, and what it predicts."""
