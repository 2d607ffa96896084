"""Replay: a stretch of a workflow's log into a file, another cluster, a shadow, or the log itself.

What is chosen for a file are records. What is chosen for a log are sagas, each replayed whole: half
a saga would be another saga.
"""
