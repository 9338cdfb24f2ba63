"""Many small runs, seeded and compared honestly.

Nothing in this room builds an architecture or draws a figure.
"""
