"""The reference saga side by side: Minuet, and the same written by hand for other libraries."""
