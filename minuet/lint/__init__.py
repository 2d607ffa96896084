"""Says what is wrong with a workflow before it runs, where, and what to do about it."""
