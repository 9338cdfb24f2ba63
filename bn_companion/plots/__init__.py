"""Every figure of the book that a reader would want for their own run.

One visual language: each placement has one colour, one marker and one line style everywhere.
"""

from bn_companion.plots.agreement import plot_deviations, plot_differences_by_position
from bn_companion.plots.conditions import plot_shared_rates, plot_winners
from bn_companion.plots.distributions import plot_distances, plot_percentiles
from bn_companion.plots.drawings import plot_batch_axes, plot_transform_graph
from bn_companion.plots.explorer import PlacementExplorer, explore_placements
from bn_companion.plots.handover import plot_handover
from bn_companion.plots.intervals import plot_differences, plot_ratios
from bn_companion.plots.networks import plot_layer_order
from bn_companion.plots.residual import plot_depth, plot_orders
from bn_companion.plots.runs import plot_arms, plot_history, plot_study
from bn_companion.plots.style import ArmStyle, arm_style, use_style
from bn_companion.plots.trainability import plot_gradient_norms, plot_largest_rates
from bn_companion.plots.vector import Drawing, as_vector

__all__ = [
    "ArmStyle",
    "Drawing",
    "PlacementExplorer",
    "arm_style",
    "as_vector",
    "explore_placements",
    "plot_arms",
    "plot_batch_axes",
    "plot_depth",
    "plot_deviations",
    "plot_differences",
    "plot_differences_by_position",
    "plot_distances",
    "plot_gradient_norms",
    "plot_handover",
    "plot_history",
    "plot_largest_rates",
    "plot_layer_order",
    "plot_orders",
    "plot_percentiles",
    "plot_ratios",
    "plot_shared_rates",
    "plot_study",
    "plot_transform_graph",
    "plot_winners",
    "use_style",
]
