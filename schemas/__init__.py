"""The events of the shipped workflows: the contract."""
