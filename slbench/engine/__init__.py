"""What every model gets from slbench: batching, devices, journals, resuming, timing, training."""
