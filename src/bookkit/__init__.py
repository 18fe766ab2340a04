"""What the book is made with: its figures, and the records of long experiments."""
