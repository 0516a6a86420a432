"""Help with files and data."""
