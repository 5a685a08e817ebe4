"""How accurate a network is: published figures, the surface fitted through them, and what a user knows or trains."""
