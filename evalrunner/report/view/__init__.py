"""An index over all runs below a directory."""
