"""The steps of `orders`, one file for each."""
