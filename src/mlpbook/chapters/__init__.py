"""What one chapter alone uses: one module per chapter, named after it."""
