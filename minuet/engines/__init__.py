"""The loop that moves records for the core, and the logs it runs on: Kafka, or a model of it."""
