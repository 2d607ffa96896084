"""The sagas of the shipped workflows, one table for each."""
