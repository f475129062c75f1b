"""What is measured on a machine with a GPU, in one command: `bash benchmarks/gpu/run.sh`."""
