"""Pictures and pages made from a scene's results."""
