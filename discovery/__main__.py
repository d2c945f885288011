"""`python -m discovery`: the same as the script `cachemuster`."""

from discovery.cli.start import main

main()
