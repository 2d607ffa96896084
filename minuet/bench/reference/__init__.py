"""The reference saga: what `minuet bench` runs, so that figures can be compared.

A chain of four steps that answer at once; every 20th order is refused at the third and undone.
"""
