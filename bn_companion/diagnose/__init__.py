"""What batch normalization does, and what is wrong with it: in a source file, or in a model.

Nothing in this room changes a model.
"""
