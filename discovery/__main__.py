"""`python -m discovery`: the same as the script `cachemuster`."""

from discovery.cli.app import main

main()
