"""Contracts: event models as Avro schemas, and events as bytes."""
