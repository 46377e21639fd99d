"""`python -m moorage`: the command, for who has no path to its script."""

from moorage.cli import main

if __name__ == "__main__":
    main()
