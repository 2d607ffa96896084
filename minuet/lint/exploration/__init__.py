"""Lets everything happen to one saga that can, in every order, by the core that workers run."""
