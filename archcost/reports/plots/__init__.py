"""What pictures share: their look, their data, and where labels stand. Matplotlib is loaded only to draw."""
