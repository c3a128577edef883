"""What is made of a run's events: files, the terminal, the report. Nothing here asks anything else."""
