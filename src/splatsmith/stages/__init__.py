"""One file per pipeline stage: its Config, its files, and main(config, inputs, outputs). Read by `config` alone."""
