"""The orders of a residual block on the digits that ship with scikit-learn.

    python book/results/residual_orders_digits.py [--seeds 10] [--epochs 20] ...

The same networks as in `residual_orders`, on images of 8 x 8 that need no download.
"""

import residual_orders

NAME = "residual_orders_digits"

if __name__ == "__main__":
    residual_orders.main(NAME, data="digits", seeds=10, epochs=20, side=8)
