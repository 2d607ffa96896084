"""A workflow told to people and other programs: drawn, compared, as AsyncAPI."""
