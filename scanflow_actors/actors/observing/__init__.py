"""What can be seen of actors from outside: counts, durations, records, the tree, and taps."""
