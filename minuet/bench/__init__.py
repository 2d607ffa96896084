"""Measures Minuet on a broker of its own."""
