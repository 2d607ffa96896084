"""Events of elsewhere, another workflow's log or a topic of others, put onto a workflow's log."""
