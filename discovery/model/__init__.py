"""Values and codes that every other package uses. Standard library only."""
