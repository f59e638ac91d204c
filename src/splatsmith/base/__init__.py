"""What every other folder may use: errors, safe files, progress, digests. Imports nothing else of splatsmith."""
