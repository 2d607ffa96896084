"""The steps of the shipped workflows, one package for each."""
