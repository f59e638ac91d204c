"""Programs with an environment of their own, such as TRELLIS: run as subprocesses that answer in files.

`settings.py` says where a user has them, `catalogue.py` what is known of each, `setup.py` whether one is fit to run,
`contract.py` runs it, and `runners/` holds what runs inside the foreign environment.
"""
