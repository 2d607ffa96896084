"""Schemas over time: committed versions, what a new one must keep to, and models from schemas.

Nothing here is needed to run a workflow: it is what stands behind `minuet schemas`.
"""
