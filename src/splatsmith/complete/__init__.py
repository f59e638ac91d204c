"""Completing a badly seen object: which views to show, a whole proxy, where it stands, its colours, the new scene."""
