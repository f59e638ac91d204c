"""What runs inside a tool's own environment: the standard library and the foreign package, nothing of ours.

The tool's interpreter runs one of these files as a script, with a request and a place for the response: see
`answering.py`. They work in Python 3.10. Here they are imported for their paths alone.
"""
