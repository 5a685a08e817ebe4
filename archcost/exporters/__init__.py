"""A network as code or as a file that others run: one target a room, written from recipes, without PyTorch."""
