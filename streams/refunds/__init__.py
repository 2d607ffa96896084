"""The steps of `refunds`, one file for each."""
