"""Recorded sagas, or one step, run again without effects.

Pure steps really run. A step with resources runs on its simulated resources when that is asked for;
else its recorded answer is used where its inputs are equal; else what it would say is unknown.
"""
