"""Dead letters taken up again: which can be, what is appended for each, and what came of it.

A letter is redriven by the event that a person's own action would append, under the same id: so two
operators, or one who was cut off and begins again, make one retry.
"""
