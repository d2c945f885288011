"""The services of the simulated AWS: what each operation checks, changes and answers."""
