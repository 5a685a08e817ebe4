"""The best network under a budget: a space of variants, constraints, and the front of those that nothing beats."""
