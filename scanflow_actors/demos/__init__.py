"""Programs that show the whole system at work: `scanflow demo NAME`."""
