"""The drift demo's own parts: digits, corruptions, classifiers, a drift detector, a stream.

All of it is plain numpy and torch: no actor, no Ray, no MLflow. The agents of the demo call it.
"""
