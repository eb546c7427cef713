"""The command line that the converters share; imports nothing that takes long."""

import argparse


def converter_parser(
    description: str, to_authors: bool = False
) -> argparse.ArgumentParser:
    """Make a parser of ``SRC DST``.

    Args:
        description: First line of the help.
        to_authors: Whether there is the option ``--to-authors``.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('src', help='weight file of the source (.pth)')
    parser.add_argument('dst', help='file to write; its folder is made if need be')
    parser.set_defaults(to_authors=False)
    if to_authors:
        parser.add_argument(
            '--to-authors',
            action='store_true',
            help="the other way round: src has our names, dst the authors'",
        )
    return parser
