"""Price-quantity curves: sums, clearing, layers."""
