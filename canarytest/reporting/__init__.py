"""What is made of a run's events: files, the terminal, the report. It asks nothing else."""
