"""Where batch normalization goes: placements, blocks and models.

Nothing in this room trains or inspects a model.
"""
