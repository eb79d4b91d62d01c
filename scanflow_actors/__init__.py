"""Actors on Ray, and agents on them that keep machine-learning workflows good by themselves."""
