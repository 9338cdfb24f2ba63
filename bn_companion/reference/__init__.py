"""The algorithm in NumPy and float64, to be read beside its formulas.

Nothing in this room imports Keras or TensorFlow.
"""
