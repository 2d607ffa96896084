"""Which rights each part of a workflow needs, and how they differ from what a cluster gives."""
