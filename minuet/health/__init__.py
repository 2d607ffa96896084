"""How a worker is: whether it lives, whether it is ready, and its figures."""
