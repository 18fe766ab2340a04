"""Running the pages' cells."""
