"""The rules of a saga, pure: no I/O, no clock, no threads, no randomness."""
