"""The embedded backend: batch workflows on Ray tasks."""
