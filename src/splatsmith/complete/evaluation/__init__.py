"""How good a completed object is: its looks in views that were held out, and its surface where the truth is known."""
