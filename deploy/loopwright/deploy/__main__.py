"""``python -m loopwright.deploy``: the command line, where the script is not on the path."""

from loopwright.deploy.cli import main

if __name__ == "__main__":
    main()
