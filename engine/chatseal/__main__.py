"""`python -m chatseal` is the command `chatseal`."""

from chatseal.cli import main

main()
