"""`python -m limner` is the command line, with the code of the folder one stands in."""

from limner.cli import main

main()
