"""The book as PDF and EPUB."""
