"""What can be set, where it is written, and what each setting comes to."""
