"""What a person does about a saga: each action is an event with who and why, on the log."""
