"""`python -m gridagora` is the command line."""

from gridagora.cli import main

main()
