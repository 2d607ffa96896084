"""What was done to many sagas at once: who began it, why, what was asked for, what came of it.

Each operation is one key on `<workflow>.operations`, which is kept for ever.
"""
