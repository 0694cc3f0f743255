"""Pictures of the lessons on pictures."""
PICTURES = {}
