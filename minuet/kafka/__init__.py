"""Kafka as Minuet uses it: clients, topics, bounded reads and the built-in registry."""
